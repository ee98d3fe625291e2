"""Imports every component, so that configs can name them by class alone and `--help` lists them.

A class that takes another one's place brings its own defaults, and keeps what was written for the other and fits it.
Whole numbers of the Trainer stay whole, and a text stays a text, whatever YAML would make of it.
"""

import typing
from contextlib import suppress
from functools import cache, partial, reduce
from inspect import signature
from operator import or_
from typing import Any, get_args

import torch
from jsonargparse import _loaders_dumpers, _typehints, _util
from lightning import Trainer

from p2o import engines, questions, reflectors, rewards, rollouts, worlds
from p2o.evolution import selectors
from p2o.mixture import scaffolded_hints, selection, self_hints
from p2o.objective import (
    advantages,
    aggregation,
    context_estimators,
    engine_correction,
    exploration,
    losses,
    regularizers,
)
from p2o.policy import adapters
from p2o.policy.module import PolicyModule

OWN_OPTIMIZER = "torch.optim.AdamW"  # of `model.optimizer`, if none is named

__all__ = [
    "adapters",
    "advantages",
    "aggregation",
    "context_estimators",
    "engine_correction",
    "engines",
    "exploration",
    "losses",
    "questions",
    "reflectors",
    "regularizers",
    "rewards",
    "rollouts",
    "scaffolded_hints",
    "selection",
    "selectors",
    "self_hints",
    "worlds",
]


def swap(keep_what_fits: Any, parser: Any, before: Any, after: Any) -> None:  # noqa: ANN401 (of jsonargparse)
    """Leaves out of the part of before what its class has by default, then what the class of the part after lacks.

    jsonargparse does the second alone, and so gave a class the defaults of another one that stood there: GSPOLoss the
    clip of ClippedLoss, whoever wrote neither. It does not tell a value that was written from the same one by default.
    """
    if before and "init_args" in before and before["class_path"] != after["class_path"]:
        written = _typehints.subclass_spec_as_namespace(before)
        settings = getattr(parser, "sub_add_kwargs", {})
        defaults = _typehints.ActionTypeHint.get_class_parser(before["class_path"], settings).get_defaults()
        own = own_optimizer() if before["class_path"] == OWN_OPTIMIZER else {}
        for key, value in list(written.init_args.items(branches=True, nested=False)):
            if any(key in known and known[key] == value for known in (defaults, own)):
                written.init_args.pop(key)
    keep_what_fits(parser, before, after)


@cache
def own_optimizer() -> dict[str, Any]:
    """What p2o has an optimizer made with that nobody names: 1e-6 is AdamW's rate, and not for SGD."""
    make = signature(PolicyModule).parameters["optimizer"].default
    return dict(make([torch.nn.Parameter(torch.zeros(1))]).defaults)


def read_whole_numbers_first() -> None:
    """Has a parser try int before float for each setting of the Trainer that takes both.

    For `limit_val_batches` 1 is one batch, and 1.0 are all of them. typing takes Union[float, int] for the same as
    Union[int, float] and keeps the one that it saw first, so that it depended on what a process had imported before
    Lightning whether 1 was read as 1.0. `int | float` it keeps as it is.
    """
    annotations = Trainer.__init__.__annotations__
    for name, kind in annotations.items():
        kinds = get_args(kind)
        if {int, float} <= set(kinds):
            annotations[name] = reduce(or_, (int, float, *(one for one in kinds if one not in (int, float))))


def keep_texts(adapt: Any, val: Any, typehint: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 (of jsonargparse)
    """Leaves the values of a dictionary that may hold anything as YAML has read them.

    jsonargparse reads the texts among them as YAML once more, whenever it looks at them: "Yes" became true, "07" the
    number 7, and "Format: steps" a dictionary. What an option of the command line gives to one key is read once.
    """
    if typing.get_origin(typehint) is dict and typing.get_args(typehint)[1] is Any:
        typehint = dict
        if isinstance(val, _util.NestedArg) and isinstance(val.val, str):
            with suppress(*_loaders_dumpers.get_loader_exceptions()):  # what is no YAML is a text as well
                val = val._replace(val=_loaders_dumpers.load_value(val.val, simple_types=True))
    return adapt(val, typehint, *args, **kwargs)


read_whole_numbers_first()
_KEEP = "discard_init_args_on_class_path_change"
setattr(_typehints, _KEEP, partial(swap, getattr(_typehints, _KEEP)))
_ADAPT = "adapt_typehints"
setattr(_typehints, _ADAPT, partial(keep_texts, getattr(_typehints, _ADAPT)))
