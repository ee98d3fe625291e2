"""What a reflector is told about a rollout."""

from p2o.reflectors.base import Example
from p2o.types import Outcome, Rollout

VERDICTS = {
    Outcome.CORRECT: "The final answer is correct.",
    Outcome.WRONG: "The final answer is wrong.",
    Outcome.NO_ANSWER: "No final answer was found in the required form, so the response counts as failed.",
    Outcome.TRUNCATED: "The response was cut off at the length limit before it gave a final answer.",
    Outcome.TIMEOUT: "The response could not be judged: the comparison of its final answer took too long.",
    Outcome.ERROR: "The response could not be judged: the comparison of its final answer failed.",
}


def to_example(rollout: Rollout, instruction: str = "", show_answer: bool = True) -> Example:
    """The rollout as a reflector sees it: the bare user message, the completion, and what came of it.

    Args:
        rollout: A graded rollout.
        instruction: What stands before every question (`PromptRenderer.instruction`).
        show_answer: Whether the feedback names the gold answer, as the paper's does.
    """
    return Example(
        inputs=instruction + rollout.question.text,
        outputs=rollout.text,
        feedback=feedback(rollout, show_answer),
    )


def feedback(rollout: Rollout, show_answer: bool = True) -> str:
    """One sentence by the outcome of the grade, the answer that was read if it is wrong, and the gold answer."""
    sentences = [VERDICTS[rollout.grade.outcome]]
    if rollout.grade.outcome is Outcome.WRONG and rollout.grade.extracted:
        sentences.append(f"It was read as: {rollout.grade.extracted}")
    if show_answer:
        sentences.append(f"The correct answer is: {rollout.question.answer}")
    return "\n".join(sentences)
