"""A look at what the policy writes: completions on the console every n steps."""

from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_info

from p2o.errors import InputError
from p2o.types import Rollout


class ConsoleSamples(Callback):
    """Shows some completions of a training step on the console.

    Args:
        every: Rollout batches from one look to the next; 0 switches it off.
        count: Completions to show: bare and templated ones in turn, as far as the step has both.
        max_characters: Of a question, a template or a completion; what is longer loses its middle.
    """

    def __init__(self, every: int = 0, count: int = 2, max_characters: int = 600) -> None:
        if every < 0 or count < 1 or max_characters < 1:
            raise InputError(
                "console_samples needs every >= 0 (0 is off), count >= 1 and max_characters >= 1, got "
                f"{every}, {count} and {max_characters}."
            )
        self.every = every
        self.count = count
        self.max_characters = max_characters

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401 (Lightning's signature)
        batch: Any,  # noqa: ANN401
        batch_idx: int,
    ) -> None:
        """Shows completions of every n-th batch of the epoch, so that a resumed run shows what a straight one would."""
        if self.every and batch_idx % self.every == 0:
            where = f"epoch {trainer.current_epoch}, batch {batch_idx}"
            for rollout in in_turn(outputs["rollouts"])[: self.count]:
                rank_zero_info(shown(rollout, where, self.max_characters))


def in_turn(rollouts: list[Rollout]) -> list[Rollout]:
    """The first of each question, templated ones of hard questions before bare ones, one kind after the other."""
    kinds: dict[bool, dict[str, Rollout]] = {True: {}, False: {}}
    for rollout in rollouts:
        kinds[bool(rollout.template)].setdefault(rollout.question.id, rollout)
    templated, bare = (list(kind.values()) for kind in kinds.values())
    both = [rollout for pair in zip(templated, bare, strict=False) for rollout in pair]
    return both + templated[len(both) // 2 :] + bare[len(both) // 2 :]


def shown(rollout: Rollout, where: str, max_characters: int) -> str:
    """A completion with question and verdict; control characters are spelled out, since they could steer a terminal."""
    parts = {"template": rollout.template, "question": rollout.question.text, "completion": rollout.text}
    lines = [f"{name}: {_printable(_cut(text, max_characters))}" for name, text in parts.items() if text]
    verdict = f"{rollout.grade.outcome}, read {rollout.grade.extracted!r}, expected {rollout.question.answer!r}"
    return "\n  ".join([f"--- {where}, question {rollout.question.id!r}: {verdict}", *lines])


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length // 2]} […] {text[len(text) - length // 2 :]}"


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text).replace("\n", "\n    ")
