"""A teacher behind an OpenAI-compatible endpoint, whose texts become completions of the policy."""

import logging
from collections.abc import Sequence

from p2o.endpoints import ZERO_USAGE, CallFailed, ChatReply, Endpoint
from p2o.engines.generation_settings import eos_token_ids
from p2o.rollouts.step import RolloutStep
from p2o.rollouts.teacher import Teacher, TeacherFailed
from p2o.types import Completion, Question

logger = logging.getLogger(__name__)


class EndpointTeacher(Teacher):
    """A stronger model, asked through the chat-completions interface.

    Its texts are tokenized with the policy's tokenizer. A call that fails although it was tried again is made anew with
    the next ones. A wrong key, model or address, calls that fail in a row, and a limit that is reached end the run,
    which resumes at that step and pays for no completion twice. The endpoint decides the draws: two runs differ, a
    resumed one keeps what its checkpoint holds. A question that a filter of the endpoint refuses is left out: its
    completions are empty and truncated, earn nothing, and are not asked for again.

    Args:
        endpoint: The model, how it is asked, and what that may cost. Replies are `model.max_completion_length` tokens
            long at most. Each process of a distributed run holds itself to what is left after the last step.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def complete(self, asks: Sequence[tuple[Question, int]], step: RolloutStep) -> list[Completion]:
        """One completion for each question, in order, from as many calls.

        Raises:
            TeacherFailed: There is none for some question, and further calls would fail as well or go beyond a limit.
        """
        limit, tokenizer = step.sampling.max_completion_length, step.worker.renderer.tokenizer
        messages = [step.worker.renderer.instruction + question.text for question, _ in asks]
        answers: dict[int, str | None] = {}  # None: refused
        finished: set[int] = set()
        self.cost = ZERO_USAGE
        while missing := [number for number in range(len(asks)) if number not in answers]:
            results, stopped = self.endpoint.ask(
                [messages[number] for number in missing], limit, tokenizer, self.spent + self.cost, "teacher"
            )
            self.cost += sum((result.usage for result in results if result), ZERO_USAGE)
            for number, result in zip(missing, results, strict=True):
                if isinstance(result, ChatReply):
                    answers[number] = self.endpoint.redacted(result.content or "")
                    finished |= {number} - ({number} if result.truncated else set())
                elif isinstance(result, CallFailed) and result.failure.refused:
                    answers[number] = None
            if stopped:
                raise TeacherFailed(
                    f"{type(self).__name__}: {self.endpoint.failure(stopped)} Repair it, then resume the run.",
                    [
                        tokenized(answers[number] or "", number in finished, step, limit) if number in answers else None
                        for number in range(len(asks))
                    ],
                )
        if refused := list(dict.fromkeys(asks[number][0].id for number in answers if answers[number] is None)):
            logger.warning(
                "%s: a filter of the endpoint refused %d of %d questions, which are left out: %s",
                type(self).__name__,
                len(refused),
                len({question.id for question, _ in asks}),
                ", ".join(refused[:10]),
            )
        return [tokenized(answers[number] or "", number in finished, step, limit) for number in range(len(asks))]


def tokenized(text: str, finished: bool, step: RolloutStep, limit: int) -> Completion:
    """A text as the policy would have written it; it may spell special tokens, and they stay text."""
    renderer = step.worker.renderer
    eos = [renderer.end_of_turn(eos_token_ids(step.policy))]
    ids = renderer.plain(text) + (eos if finished else [])
    # Of nothing there is a token all the same, since a row has one; unfinished, so that it teaches nothing.
    return Completion(tuple(ids[:limit] or eos), truncated=not finished or len(ids) > limit)
