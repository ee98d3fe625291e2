"""What a checkpoint holds of the mixture, in plain types."""

from typing import TYPE_CHECKING, Any

from p2o.distributed.processes import gather, of_this_process
from p2o.errors import InputError
from p2o.io.part_states import part_states, restore_parts
from p2o.mixture.overlap import questions_fingerprint
from p2o.prompts.templates import Template, TemplateBank

if TYPE_CHECKING:
    from p2o.mixture.data_module import MixtureDataModule


def mixture_state(data: "MixtureDataModule") -> dict[str, Any]:
    """Hard set, bank, and which data they belong to; all processes ask for it together."""
    so_far = gather(data.hard_set.state_so_far())
    asked = any(one["correct"] for one in so_far)
    use = data.template_use.state_dict()
    current = gather(use["current"])
    states = part_states(_parts_of(data))
    return {
        "hard_set": data.hard_set.state_dict(),
        "correct": [one["correct"] for one in so_far] if asked else [],  # of the epoch so far, by process
        "rolled": [one["rolled"] for one in so_far] if asked else [],  # likewise
        "template_use": {**use, "current": current if any(current) else []},  # likewise
        "bank": data.bank.state_dict(),
        "best_template": TemplateBank(tuple(filter(None, [data.best_template]))).state_dict(),
        "questions": questions_fingerprint(data.train_questions),
        **({"parts": states} if states else {}),
    }


def _parts_of(data: "MixtureDataModule") -> dict[str, object]:
    """Parts that may have a state, if they are one's own."""
    return {f"data.{name}": getattr(data, name) for name in ("assignment", "carry", "draw", "bare_rollouts")}


def restore_mixture(data: "MixtureDataModule", state: dict[str, Any]) -> None:
    """Takes over what `mixture_state` described.

    Raises:
        InputError: The checkpoint was made with other training questions.
    """
    found = questions_fingerprint(data.train_questions)
    if data.train_questions and found != state["questions"]:  # a test on benchmarks loads none
        raise InputError(
            "The checkpoint belongs to another config: its training questions have the fingerprint "
            f"{state['questions']}, those of data.train have {found}. Resume with the config.yaml of that run."
        )
    # Empty between epochs; a checkpoint from before rollouts were counted has no `rolled`.
    so_far = {name: of_this_process(state.get(name, [])) or {} for name in ("correct", "rolled")}
    data.hard_set.load_state_dict({**state["hard_set"], **so_far})
    # A checkpoint from before templates were looked at has no such part.
    use = state.get("template_use", {"current": [], "last": {}})
    data.template_use.load_state_dict({**use, "current": of_this_process(use["current"]) or {}})
    restore_parts(_parts_of(data), state.get("parts", {}))
    data.bank = TemplateBank.from_state_dict(state["bank"])
    data.best_template = next(iter(TemplateBank.from_state_dict(state["best_template"]).templates), None)


def best_text(best: Template | None) -> str:
    """The text of the best template of a checkpoint.

    Raises:
        InputError: There is none.
    """
    if best is None:
        raise InputError(
            "data.benchmark_template: expected a checkpoint whose evolution found a template, there is none. Name one "
            "with --ckpt_path, or evaluate the bare prompt."
        )
    return best.text
