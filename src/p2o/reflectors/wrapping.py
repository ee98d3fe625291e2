"""A reflector around another one, which does the work."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

from transformers import PreTrainedModel

from p2o.endpoints import Endpoint
from p2o.engines.base import RolloutEngine
from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import ReflectionContext, Reflector


class WrappingReflector(Reflector):
    """To the run it is the reflector that it wraps: it asks the same policy on the same engine, under the same name.

    Args:
        reflector: Does the work.
    """

    def __init__(self, reflector: Reflector) -> None:
        self.reflector = reflector

    @property
    def name(self) -> str:
        """The name of the reflector that does the work."""
        return self.reflector.name

    @property
    def samples(self) -> bool:
        """Whether the reflector that does the work asks the engine of the run."""
        return self.reflector.samples

    @property
    def own_engine(self) -> RolloutEngine | None:
        """That of the reflector that does the work."""
        return self.reflector.own_engine

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """Those of the reflector that does the work."""
        return self.reflector.endpoints

    @property
    def known_templates(self) -> Sequence[str]:
        """Those of the reflector that does the work."""
        return self.reflector.known_templates

    def longest_template(self, renderer: PromptRenderer) -> int | None:
        """That of the reflector that does the work."""
        return self.reflector.longest_template(renderer)

    def problems(self, window: int, renderer: PromptRenderer) -> Iterator[str]:
        """Those of the reflector that does the work."""
        return self.reflector.problems(window, renderer)

    def reflecting_policy(self, context: ReflectionContext) -> AbstractContextManager[PreTrainedModel]:
        """The policy of the reflector that does the work."""
        return self.reflector.reflecting_policy(context)

    def state_dict(self) -> dict[str, Any]:
        """That of the reflector that does the work."""
        return self.reflector.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Gives it to the reflector that does the work."""
        self.reflector.load_state_dict(state)
