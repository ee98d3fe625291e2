"""Shortens the examples of a reflection prompt to the window of the model that reads it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from transformers import PreTrainedTokenizerBase

from p2o.reflectors.base import Example, ReflectionJob

HEAD = TAIL = 0.4  # shares of its room that a long output keeps of its start and end; the rest is for the marker
SHORTEST = 64  # tokens; an excerpt below says little, so that the last example goes instead
MARKER = "\n[... {} tokens left out ...]\n"


def fit_examples(
    job: ReflectionJob,
    render: Callable[[ReflectionJob], str],
    excess: Callable[[str], int],
    tokenizer: PreTrainedTokenizerBase,
) -> str | None:
    """The prompt of a job, shortened until it fits; None if it cannot.

    Long outputs lose their middle, all to one length; short ones stay whole. If excerpts would get too short, the last
    example goes.

    Args:
        job: What is asked.
        render: Job -> prompt.
        excess: Tokens of a prompt that are too many; 0 or less if it fits.
        tokenizer: Counts and cuts outputs.
    """
    text = render(job)
    while (over := excess(text)) > 0:
        lengths = [_length(example.outputs, tokenizer) for example in job.examples]
        room = sum(lengths) - over
        while (limit := common_limit(lengths, room)) >= SHORTEST:
            examples = tuple(_shorten(example, limit, tokenizer) for example in job.examples)
            shorter = render(replace(job, examples=examples))
            if (over := excess(shorter)) <= 0:
                return shorter
            room -= over
        if len(job.examples) <= 1:
            return None
        job = replace(job, examples=job.examples[:-1])
        text = render(job)
    return text


def common_limit(lengths: Sequence[int], room: int) -> int:
    """The largest length to which all longer ones are cut so that they take `room` in all; 0 if there is none."""
    for taken, length in enumerate(ordered := sorted(lengths)):
        share = room // (len(ordered) - taken)
        if share < length:
            return max(0, share)
        room -= length
    return max(ordered, default=0)


def excerpt(text: str, limit: int, tokenizer: PreTrainedTokenizerBase) -> str:
    """A text of at most `limit` tokens as it is; of a longer one the start and the end, and what is between counted."""
    ids = tokenizer.encode(text, add_special_tokens=False)
    if len(ids) <= limit:
        return text
    head, tail = int(HEAD * limit), int(TAIL * limit)
    start: str = tokenizer.decode(ids[:head])
    end: str = tokenizer.decode(ids[len(ids) - tail :])
    # A cut within a character leaves replacement characters, which were not in the text.
    return start.rstrip("\ufffd") + MARKER.format(len(ids) - head - tail) + end.lstrip("\ufffd")


def _shorten(example: Example, limit: int, tokenizer: PreTrainedTokenizerBase) -> Example:
    return replace(example, outputs=excerpt(example.outputs.strip(), limit, tokenizer))


def _length(text: str, tokenizer: PreTrainedTokenizerBase) -> int:
    return len(tokenizer.encode(text.strip(), add_special_tokens=False))
