"""The policy before training, which reflects and serves as a reference."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from transformers import PreTrainedModel

from p2o.logprobs.adapters import adapter_layers, adapters_off


class InitialPolicy:
    """Gives the policy as it was before training, for the time of a `with`.

    Beside adapters it is the policy with its adapters off, which costs no memory. Without them it is loaded when
    somebody first asks for it, and kept; it is no submodule of the module that trains, or every checkpoint would hold
    it.

    Args:
        policy: Gives the policy that is trained.
        load: Loads the policy before training onto the device of the other.
    """

    def __init__(self, policy: Callable[[], PreTrainedModel], load: Callable[[], PreTrainedModel]) -> None:
        self.policy = policy
        self.load = load
        self._loaded: PreTrainedModel | None = None

    @contextmanager
    def __call__(self) -> Iterator[PreTrainedModel]:
        """The policy before training, as long as the `with` lasts."""
        if adapter_layers(self.policy()):
            with adapters_off(self.policy()):
                yield self.policy()
            return
        if self._loaded is None:
            self._loaded = self.load()
        yield self._loaded
