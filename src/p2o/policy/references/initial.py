"""The policy before training, which reflects and serves as a reference."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from transformers import PreTrainedModel

from p2o.distributed.processes import gather
from p2o.logprobs.adapters import adapter_layers, adapters_off
from p2o.logprobs.scoring_path import same_path
from p2o.logprobs.shards import is_sharded
from p2o.policy.adapters import Adapters
from p2o.policy.sharding import load_placed, outline_in_files


class InitialPolicy:
    """Gives the policy as it was before training, for the time of a `with`.

    Beside adapters it is the policy with its adapters off, which costs no memory. Without them it is loaded when
    somebody first asks for it, and kept; it is no submodule of the module that trains, or every checkpoint would hold
    it. Engines that keep a copy of their own can do without: they read its weights from the model's files.

    Args:
        policy: Gives the policy that is trained.
        load: Loads the policy before training onto the device of the other, or into as many shards.
        outline: Gives the policy before training without values, which engines read from files; None if the files have
            other weights than the model.
    """

    def __init__(
        self,
        policy: Callable[[], PreTrainedModel],
        load: Callable[[], PreTrainedModel],
        outline: Callable[[], PreTrainedModel | None],
    ) -> None:
        self.policy = policy
        self.load = load
        self.outline = outline
        self._loaded: PreTrainedModel | None = None
        self._outline: PreTrainedModel | None = None
        self._looked = False

    @contextmanager
    def __call__(self) -> Iterator[PreTrainedModel]:
        """The policy before training, as long as the `with` lasts."""
        if adapter_layers(self.policy()):
            with adapters_off(self.policy()):
                yield self.policy()
            return
        if self._loaded is None:
            self._loaded = self.load()
        same_path(self._loaded, self.policy())
        yield self._loaded

    @contextmanager
    def for_engine(self) -> Iterator[PreTrainedModel]:
        """The policy before training for an engine that keeps a copy, and for nobody who makes a pass through it.

        It takes no memory beside the policy: where it is not there anyway, whole on this process, it has no values. If
        the policy is sharded, all processes enter it together the first time.
        """
        there = self._loaded is not None or bool(adapter_layers(self.policy()))
        outline = None if there and not is_sharded(self.policy()) else self._in_files()
        if outline is not None:
            yield outline
            return
        with self() as policy:
            yield policy

    def _in_files(self) -> PreTrainedModel | None:
        """Decided once: then the first process may ask alone."""
        if not self._looked:
            found = self.outline()
            if is_sharded(self.policy()) and not all(gather(found is not None)):
                found = None  # no process may go on alone to where shards are loaded and gathered
            self._outline, self._looked = found, True
        return self._outline


def initial_policy_of(module: Any, name: str, adapters: Adapters, longest: int) -> InitialPolicy:  # noqa: ANN401 (the module, which imports this)
    """The policy before training of a module that trains it.

    Args:
        module: It has the policy, and the strategy by which that is placed.
        name: Of the model.
        adapters: What of it is trained.
        longest: Tokens of the longest row.
    """
    load = partial(load_placed, module, name, longest=longest)
    return InitialPolicy(lambda: module.policy, load, partial(outline_in_files, name, adapters, longest))
