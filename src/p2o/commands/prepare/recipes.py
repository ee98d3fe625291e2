"""What each data set is made of by default: the paper's settings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """How a data set is made.

    Args:
        hub: Its name on the hub; "" if it has to be given as a file.
        min_difficulty: Questions below are left out; None keeps all.
        balanced: Whether answer types are balanced.
        test: Questions held out.
        sizes: Of nested training sets.
        keep: Steps that report what they find and leave it in: "duplicates", "overlap".
    """

    hub: str = ""
    min_difficulty: float | None = None
    balanced: bool = False
    test: int = 0
    sizes: tuple[int, ...] = ()
    keep: tuple[str, ...] = ()


RECIPES = {
    "deepscaler": Recipe("agentica-org/DeepScaleR-Preview-Dataset", test=500, sizes=(5000, 10000)),
    "deepmath": Recipe("zwhe99/DeepMath-103K", min_difficulty=7, balanced=True, test=500, sizes=(5000, 10000)),
    "jsonl": Recipe(),
}
