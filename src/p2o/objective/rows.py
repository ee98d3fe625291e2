"""What the update sees of a rollout."""

from dataclasses import dataclass

Ids = tuple[int, ...]


@dataclass(frozen=True)
class TrainingSample:
    """One completion y with both of its contexts and its advantage."""

    bare_ids: tuple[int, ...]  # x
    prompt_ids: tuple[int, ...]  # x̃ = T(x, z), what y was sampled under; x itself if z is empty
    completion_ids: tuple[int, ...]  # y
    advantage: float  # A
    engine_logps: tuple[float, ...] = ()  # log π(y_t|x̃) by the engine that sampled y; empty if it does not know them
    truncated: bool = False  # whether the length limit cut y off
    guide_ids: tuple[
        int, ...
    ] = ()  # T(x, z) with the template z that a bare y was left without; empty if there is none
    template: str = ""  # z; empty where y was sampled under x itself
    correct: bool = False  # whether y was graded as correct

    @property
    def is_bare(self) -> bool:
        """Whether y was sampled under x itself."""
        return self.prompt_ids == self.bare_ids

    def prompt(self, bare: bool) -> tuple[int, ...]:
        """The prompt x of this row, or x̃ if it is not `bare`."""
        return self.bare_ids if bare else self.prompt_ids
