"""What a part of a user's own returns, held against what p2o expects of such a part."""

from collections.abc import Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from p2o.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


def name_of(part: object, method: str = "") -> str:
    """The class of a part and a method of it, such as "my_reward.LastWord.grade"."""
    return ".".join([type(part).__module__, type(part).__qualname__, *filter(None, [method])])


def listed(place: str, came: object, expected: str) -> list[Any]:
    """What came, as a list: a tuple, an array or a generator is as good as one.

    Args:
        place: Where it came from: a class and its method.
        came: What that returned.
        expected: What it should have returned, for the message.

    Raises:
        InputError: It is no collection of anything.
    """
    if isinstance(came, Coroutine):
        came.close()  # Python would warn that nobody awaited it
        raise InputError(
            f"{place}: expected {expected}, got a coroutine, which nobody awaits. Take a plain `def`, and within it "
            "`p2o.io.coroutines.run(...)` for what must be awaited."
        )
    if not isinstance(came, Iterable) or isinstance(came, str):
        raise InputError(f"{place}: expected {expected}, got {came!r:.200}.")
    return list(came)


def check_record(place: str, came: object, kind: type, fields: Mapping[str, type]) -> None:
    """Holds a record against its fields: a frozen dataclass takes anything, and a number is met much later.

    Args:
        place: Where it came from: a class and its method.
        came: The record.
        kind: Its class.
        fields: Type of each field that is looked at.

    Raises:
        InputError: It is of another class, or a field of it is of another type.
    """
    if not isinstance(came, kind):
        raise InputError(f"{place}: expected a {kind.__module__}.{kind.__qualname__}, got {came!r:.200}.")
    for name, expected in fields.items():
        if not isinstance(value := getattr(came, name), expected):
            raise InputError(
                f"{place}: expected a {expected.__name__} as {name} of a {kind.__name__}, got {value!r:.100} of type "
                f"{type(value).__name__} in {came!r:.300}."
            )


def shaped(part: object, came: object, like: "Tensor", letters: str, advice: str) -> "Tensor":
    """The tensor that came, which must have the shape of another: torch would broadcast a smaller one silently.

    Shapes alone are looked at: they are known without waiting for a GPU.

    Args:
        part: Has returned it.
        came: What that returned.
        like: Has the shape that is expected.
        letters: That shape in letters, such as "a loss for each token [R, T]".
        advice: What to do.

    Raises:
        InputError: It is no tensor, or of another shape.
    """
    from torch import Tensor  # the checks of rewards and questions do without it, which is slow to import

    if isinstance(came, Tensor) and came.shape == like.shape:
        return came
    got = f"{list(came.shape)}" if isinstance(came, Tensor) else f"{came!r:.100} of type {type(came).__name__}"
    raise InputError(f"{name_of(part)}: expected {letters} = {list(like.shape)}, got {got}. {advice}")
