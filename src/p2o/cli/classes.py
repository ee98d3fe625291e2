"""The classes that a key of the config takes, and the one that a misspelt name may mean."""

import difflib
import inspect
import typing
from collections.abc import Iterator
from typing import Any

import lightning.pytorch.callbacks  # noqa: F401  (defines those that trainer.callbacks takes)
from lightning import Callback
from lightning.pytorch.loggers import Logger

import p2o.cli.components  # noqa: F401  (defines all parts)
from p2o.cli.sections import SECTIONS
from p2o.mixture.data_module import MixtureDataModule
from p2o.policy.module import PolicyModule

_OF_THE_TRAINER: dict[str, type] = {"trainer.callbacks": Callback, "trainer.logger": Logger}
_OWNERS: dict[str, type] = {"model": PolicyModule, "data": MixtureDataModule, **SECTIONS}


def base_of(key: str) -> type | None:
    """The class that those of a key derive from, such as `Reward` of "model.reward"; None if it takes no class."""
    if key in _OF_THE_TRAINER:
        return _OF_THE_TRAINER[key]
    section, _, path = key.removeprefix("fit.").partition(".")
    owner: Any = _OWNERS.get(section)
    for name in path.split("."):
        parameters = typing.get_type_hints(owner.__init__) if owner else {}
        owner = next((part for part in _classes(parameters.get(name)) if part.__module__.startswith("p2o.")), None)
    return owner if isinstance(owner, type) else None


def names_of(key: str) -> list[str]:
    """The names of the classes that a key takes and that need no module before them."""
    base = base_of(key)
    return sorted({kind.__name__ for kind in _concrete(base)}) if base else []


def meant(name: str, key: str) -> str:
    """The class of a key whose name is nearest to a misspelt one; "" if none is near."""
    short = name.rpartition(".")[2]
    return next(iter(difflib.get_close_matches(short, names_of(key), n=1)), "")


def _classes(annotation: Any) -> Iterator[type]:  # noqa: ANN401 (of any parameter)
    """The classes in an annotation such as `Sequence[Regularizer] | None`."""
    if inspect.isclass(annotation) and not typing.get_args(annotation):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _classes(part)


def _concrete(base: type) -> Iterator[type]:
    subclasses: list[type] = type.__subclasses__(base)
    for kind in subclasses:
        yield from _concrete(kind)
        shipped = kind.__module__.startswith(("p2o.", "lightning.pytorch.callbacks", "lightning.pytorch.loggers"))
        if shipped and not inspect.isabstract(kind) and not kind.__name__.startswith("_"):
            yield kind
