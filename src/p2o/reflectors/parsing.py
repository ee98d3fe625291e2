"""From what a reflector wrote to a template, or to the reason why there is none.

A template that was guessed out of half a reply costs a whole evaluation and may be believed, so anything that is not a
finished block is rejected: gepa 0.1.4 makes a template of a chain of thought that the length limit cut (its issue 390).
"""

import re
from dataclasses import replace

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

_OPENING = re.compile(r"[ \t]*(?P<fence>`{3,})(?P<rest>.*)")
_LANGUAGE = re.compile(r"[\w+#.-]+")


def parse_reply(reply: str | None) -> Proposal:
    """The text within the fence of a reply.

    A thought ends with the last `</think>`; a chat template may have opened it. The block runs from the first line that
    starts with a fence to the last line that ends with one at least as long, so that fences inside it are kept.
    """
    nothing = Proposal("", reply=reply or "")
    said = nothing.reply.rpartition("</think>")[2]
    if "<think>" in said:
        return nothing.rejected(UNFINISHED_THOUGHT)
    if not said.strip():
        return nothing.rejected(EMPTY)
    lines = said.split("\n")
    openings = ((number, match) for number, line in enumerate(lines) if (match := _OPENING.match(line)))
    number, opening = next(openings, (0, None))
    if opening is None:
        return nothing.rejected(NO_FENCE)
    block = _block(opening, lines[number + 1 :])
    if block is None:
        return nothing.rejected(UNFINISHED_FENCE)
    return replace(nothing, template=block) if block else nothing.rejected(EMPTY)


def check_length(proposal: Proposal, renderer: PromptRenderer, max_length: int) -> Proposal:
    """The proposal as it came, or rejected if its template has more tokens than that."""
    # Megabytes are not tokenized: no ordinary text has 32 characters a token.
    is_huge = len(proposal.template) > 32 * max_length
    if is_huge or len(renderer.tokenizer.encode(proposal.template, add_special_tokens=False)) > max_length:
        return proposal.rejected(TOO_LONG)
    return proposal


def _block(opening: re.Match[str], lines: list[str]) -> str | None:
    """The text between an opening fence and its closing one, which is in `lines`; None if it is not."""
    lines = [opening["rest"], *lines]
    closing = re.compile(rf"(?P<rest>[^`]*)`{{{len(opening['fence'])},}}\s*")
    matches = [(number, match) for number, line in enumerate(lines) if (match := closing.fullmatch(line))]
    if not matches:
        return None
    last, match = matches[-1]
    if _LANGUAGE.fullmatch(lines[0].strip()):
        lines[0] = ""
    return "\n".join([*lines[:last], match["rest"]]).strip()
