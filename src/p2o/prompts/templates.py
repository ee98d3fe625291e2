"""The template bank: what one evolution leaves to the next epoch."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Template:
    """A template text and its weight, the mean score on the dev questions (0-1)."""

    text: str
    score: float


@dataclass(frozen=True)
class TemplateBank:
    """The templates chosen by greedy set cover, and which of them solve which dev question.

    Args:
        templates: The chosen templates, in the order of the cover; empty if there are none.
        solvers: For each dev question that some chosen template solves, the indices of those that do.
    """

    templates: tuple[Template, ...] = ()
    solvers: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def best(self) -> Template | None:
        """The non-empty template with the highest dev score; the first of equals."""
        return max((t for t in self.templates if t.text), key=lambda template: template.score, default=None)

    def __len__(self) -> int:
        return len(self.templates)

    def state_dict(self) -> dict[str, Any]:
        """Plain types only, so that a checkpoint loads with `weights_only=True`."""
        return {
            "templates": [asdict(template) for template in self.templates],
            "solvers": {question: list(indices) for question, indices in self.solvers.items()},
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> "TemplateBank":
        """The bank that `state_dict` described, with its tuples restored."""
        return cls(
            templates=tuple(Template(**template) for template in state["templates"]),
            solvers={question: tuple(indices) for question, indices in state["solvers"].items()},
        )
