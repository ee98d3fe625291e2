"""Names the kind of a failure, by a model behind an endpoint (failure taxonomies: AdaMAST, arXiv 2607.16387)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lightning.pytorch.utilities import rank_zero_warn
from transformers import PreTrainedTokenizerBase

from p2o.endpoints import CallFailed, CallResult, Endpoint, Usage
from p2o.errors import InputError
from p2o.reflectors.base import Example
from p2o.reflectors.truncation import excerpt

TAXONOMY: Mapping[str, str] = {
    "MISREAD": "the task was misunderstood, or a condition of it was overlooked",
    "NO_PLAN": "the response guesses or answers at once where the task needs steps",
    "WRONG_METHOD": "the steps follow a method that cannot solve the task",
    "SLIP": "the method is right, and a step of it was carried out wrongly",
    "LOST_TRACK": "the response contradicts itself, repeats itself, or loses what it had found",
    "UNCHECKED": "the result violates a condition that a check would have shown",
    "FORMAT": "the result may be right, but is not given in the form that was asked for",
    "UNFINISHED": "the response ends before it comes to a result",
}
"""Kinds of failure, our own reading: the paper's body was not at hand."""

TELLING = 8  # judgements, and no kind named: by then something is wrong

_WORD = re.compile(r"[A-Za-z0-9_]+")


@dataclass(eq=False)
class FailureJudge:
    """Says of each failed response which kind of failure it is.

    Args:
        endpoint: The model that judges.
        taxonomy: Kinds by name, each with the words that describe it.
        max_reply_length: Tokens of a reply, thoughts included. The last kind that a reply names counts, its exact name
            before the same words in other letters.
        longest_output: Tokens of a response that the judge reads; a longer one loses its middle.
    """

    endpoint: Endpoint
    taxonomy: dict[str, str] = field(default_factory=lambda: dict(TAXONOMY))
    max_reply_length: int = 1024
    longest_output: int = 4096

    def __post_init__(self) -> None:
        if min(self.max_reply_length, self.longest_output) < 1:
            raise InputError(
                "FailureJudge: expected max_reply_length and longest_output of at least 1, got "
                f"{self.max_reply_length} and {self.longest_output}."
            )
        if len(self.taxonomy) < 2 or not all(_WORD.fullmatch(name) for name in self.taxonomy):
            raise InputError(
                "FailureJudge.taxonomy: expected at least two kinds with names of letters, digits and _, got "
                f"{', '.join(self.taxonomy) or 'none'}."
            )
        self._judged = self._named = 0
        self.endpoint.check_secrecy(type(self).__name__, *self.taxonomy, *self.taxonomy.values())

    def judge(
        self, examples: Sequence[Example], tokenizer: PreTrainedTokenizerBase, spent: Usage
    ) -> tuple[list[tuple[str, Usage]], str]:
        """The kind of each failure with what the call cost, "" where none was named; and why no more calls are made.

        Args:
            examples: Failed responses with their feedback.
            tokenizer: Counts tokens; the policy's.
            spent: What the run has spent so far, for the limits of the endpoint.
        """
        prompts = [self.prompt(example, tokenizer) for example in examples]
        results, stopped = self.endpoint.ask(prompts, self.max_reply_length, tokenizer, spent, "failures are judged")
        return [self._read(result) for result in results], stopped

    def prompt(self, example: Example, tokenizer: PreTrainedTokenizerBase) -> str:
        """The user message that asks for the kind of one failure; its pieces are joined, never filled in."""
        kinds = "\n".join(f"{name}: {words}" for name, words in self.taxonomy.items())
        return "\n\n".join(
            [
                "An assistant failed at a task. Say which kind of failure it is.",
                f"# Task\n{example.inputs.strip()}",
                f"# Response\n{excerpt(example.outputs.strip(), self.longest_output, tokenizer)}",
                f"# Feedback\n{example.feedback.strip()}",
                f"# Kinds of failure\n{kinds}",
                "Reply with the name of the one kind that explains the failure best, and nothing else.",
            ]
        )

    def _read(self, result: CallResult) -> tuple[str, Usage]:
        if result is None:
            return "", Usage()
        if isinstance(result, CallFailed):
            return "", result.usage
        kind = "" if result.truncated else self._last_named(result.content or "")
        self._judged += 1
        self._named += bool(kind)
        if self._judged == TELLING and not self._named:
            rank_zero_warn(
                f"FailureJudge: none of {TELLING} judgements names a kind ({', '.join(self.taxonomy)}), the last one "
                f"was {self.endpoint.redacted(result.content or '')[:100]!r}: failures are reflected on without. Raise "
                "judge.max_reply_length if the model thinks, or take another one."
            )
        return kind, result.usage

    def _last_named(self, reply: str) -> str:
        """The kind named last in a reply, exactly or else in any case and with blanks for `_`; "" for none."""
        exact: list[str] = [word for word in _WORD.findall(reply) if word in self.taxonomy]
        if exact:
            return exact[-1]
        kinds = {name.upper(): name for name in self.taxonomy}
        longest_first = "|".join(sorted(kinds, key=len, reverse=True))
        written = re.findall(rf"(?<![^\W_])(?:{longest_first})(?![^\W_])", re.sub(r"[\s_-]+", "_", reply.upper()))
        return kinds[written[-1]] if written else ""
