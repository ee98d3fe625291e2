"""From what a reflector wrote to a template, or to the reason why there is none.

A template that was guessed out of half a reply costs a whole evaluation and may be believed, so anything that is not a
finished block is rejected: gepa 0.1.4 makes a template of a chain of thought that the length limit cut (its issue 390).
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Proposal

# Why there is no template: short and fixed, since they are counted.
EMPTY = "empty"
NO_FENCE = "no fence"
NO_REPLY = "no reply"  # and why; the call failed
UNFINISHED = "unfinished"  # the length limit cut the reply
UNFINISHED_FENCE = "unfinished fence"
UNFINISHED_THOUGHT = "unfinished thought"
SPECIAL_TOKEN_IN_PROMPT = "special token in prompt"
TOO_LONG = "too long"
PROMPT_TOO_LONG = "prompt too long"

_FENCE = re.compile(r"[ \t]*(?P<fence>`{3,})(?P<rest>.*)")
_CLOSING = re.compile(r"(?P<rest>[^`]*)(?P<fence>`{3,})\s*")
_LANGUAGE = re.compile(r"[\w+#.-]+|plain text")
_SENTENCE_END = re.compile(r"(?:(?<!\.)\.(?!\.)|[!?](?![!?]))[\"'”’)\]*_]*(?=\s|\Z)|[。！？][”’」』）]*")
# What stands before a point that ends no sentence: the number of an item, "e.g".
_NO_SENTENCE = re.compile(r"(?:^[ \t]*(?:[-*][ \t]+)?\w{1,2}|\b[A-Za-z]\.[A-Za-z])\Z")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
# Opening and closing marks of a thought, of DeepSeek and Qwen, of others, of Mistral, of Kimi.
_THOUGHTS = {"<think>": "</think>", "<thinking>": "</thinking>", "[THINK]": "[/THINK]", "◁think▷": "◁/think▷"}
_MARK = re.compile("|".join(map(re.escape, [*_THOUGHTS, *_THOUGHTS.values()])))
_FINAL, _ANALYSIS = "<|channel|>final<|message|>", "<|channel|>"  # of gpt-oss
_ENDED = re.compile(r"<\|(?:return|end|start|call)\|>.*", re.DOTALL)


@dataclass(frozen=True)
class _Block:
    """What is within a fence: its text, the length of the fence, and the lines that it takes."""

    text: str
    fence: int
    first: int
    last: int


def parse_reply(reply: str | None) -> Proposal:
    """The text within the fence of a reply.

    Thoughts do not count, with their drafts, and marks of thoughts within a fence are text. Of several blocks the last
    one counts (the old template is quoted before the new one), among those with the longest fence (shorter ones are
    quoted in it or beside it). A fence with a language, in a block, opens an inner one. If the last fence is open, the
    reply is refused, whatever stands before it.
    """
    nothing = Proposal("", reply=reply or "")
    said = _said(nothing.reply)
    if said is None:
        return nothing.rejected(UNFINISHED_THOUGHT)
    if _is_blank(said):
        return nothing.rejected(EMPTY)
    blocks, is_open = _blocks(said)
    if is_open:
        return nothing.rejected(UNFINISHED_FENCE)
    if not blocks:
        return nothing.rejected(NO_FENCE)
    longest = max(block.fence for block in blocks)
    text = [block.text for block in blocks if block.fence == longest][-1]
    return nothing.rejected(EMPTY) if _is_blank(text) else replace(nothing, template=text)


def up_to_first_block(reply: str) -> str | None:
    """A reply up to the end of its first complete block; None if it has none."""
    blocks, _ = _blocks(reply)
    return "\n".join(reply.split("\n")[: blocks[0].last + 1]) if blocks else None


def closed(reply: str, cut_off: bool) -> str | None:
    """A reply whose first block is open, with a fence that closes it; None if there is nothing to close.

    What ended by itself is closed where it ends. What the length limit has cut off is closed after its last whole
    sentence or line, and not at all if it has none: half a sentence is no template.
    """
    blocks, is_open = _blocks(reply)
    if blocks or not is_open:
        return None
    opening = next(found for line in _lines(reply) if (found := _FENCE.match(reply, *line)))
    start = opening.end("fence")
    end = start + _whole(reply[start:]) if cut_off else len(reply)
    return f"{reply[:end].rstrip()}\n{opening['fence']}" if end > start else None


def _lines(text: str) -> Iterator[tuple[int, int]]:
    """Where each line of a text begins and ends."""
    start = 0
    for line in text.split("\n"):
        yield start, start + len(line)
        start += len(line) + 1


def _whole(text: str) -> int:
    """Where the last whole sentence or line of a text ends that was cut off; 0 if it has none."""
    ends = [0]
    *whole, last = _lines(text)
    for start, end in (*whole, last):
        for mark in _SENTENCE_END.finditer(text, start, end):
            half_number = mark.end() == len(text) and text[mark.start() - 1 : mark.start()].isdigit()
            if not half_number and not _NO_SENTENCE.search(text[max(start, mark.start() - 8) : mark.start()]):
                ends.append(mark.end())
    for start, end in whole:
        line = text[start:end].strip()
        if line and not line.startswith("#") and line[-1] not in ":,;":  # a heading belongs to what follows
            ends.append(start + len(text[start:end].rstrip()))
    return max(ends)


def _said(reply: str) -> str | None:
    """A reply without its thoughts; None if the last one has no end."""
    if _ANALYSIS in reply:
        _, final, said = reply.rpartition(_FINAL)
        return _ENDED.sub("", said) if final else None
    start = 0
    while opening := next((mark for mark in _THOUGHTS if reply.startswith(mark, _skip_blanks(reply, start))), None):
        end = reply.find(_THOUGHTS[opening], start)
        if end < 0:
            return None
        start = end + len(_THOUGHTS[opening])
    said = reply[start:]
    marks = _outside(_MARK.finditer(said), said) if _MARK.search(said) else []
    if not marks:
        return said
    if marks[-1].group() in _THOUGHTS:
        return None
    return said[marks[-1].end() :]  # the chat template may have opened this thought


def _skip_blanks(text: str, start: int) -> int:
    while start < len(text) and text[start].isspace():
        start += 1
    return start


def _outside(marks: Iterable[re.Match[str]], text: str) -> list[re.Match[str]]:
    """The marks on lines of a text that no complete block takes."""
    ends = [end.start() for end in re.finditer("\n", text)]
    blocks, _ = _blocks(text)
    firsts, lasts = [block.first for block in blocks], [block.last for block in blocks]
    found = []
    for mark in marks:
        line = bisect_left(ends, mark.start())
        block = bisect_right(firsts, line) - 1  # the last one that has begun
        if block < 0 or lasts[block] < line:
            found.append(mark)
    return found


def _is_blank(text: str) -> bool:
    return not _INVISIBLE.sub("", text).strip()


def check_length(proposal: Proposal, renderer: PromptRenderer, max_length: int) -> Proposal:
    """The proposal as it came, or rejected if its template has more tokens than that."""
    # Megabytes are not tokenized: no ordinary text has 32 characters a token.
    is_huge = len(proposal.template) > 32 * max_length
    if is_huge or len(renderer.tokenizer.encode(proposal.template, add_special_tokens=False)) > max_length:
        return proposal.rejected(TOO_LONG)
    return proposal


def _blocks(text: str) -> tuple[list[_Block], bool]:
    """The complete blocks of a text in their order, and whether the last one is open."""
    blocks: list[_Block] = []
    content: list[str] = []
    fence = first = inner = 0
    for number, line in enumerate(text.split("\n")):
        if not fence:
            opening = _FENCE.match(line)
            if opening is None:
                continue
            fence, first, inner, content, line = len(opening["fence"]), number, 0, [], opening["rest"]
        else:
            nested = _FENCE.match(line)
            if nested and len(nested["fence"]) == fence and _LANGUAGE.fullmatch(nested["rest"].strip()):
                inner += 1
                content.append(line)
                continue
        closing = _CLOSING.fullmatch(line)
        if closing is None or len(closing["fence"]) < fence:
            content.append(line)
        elif inner and number > first:
            inner -= 1
            content.append(line)
        else:
            content.append(closing["rest"])
            if len(content) > 1 and _LANGUAGE.fullmatch(content[0].strip()):
                content[0] = ""
            blocks.append(_Block("\n".join(content).strip(), fence, first, number))
            fence = 0
    return blocks, bool(fence)
