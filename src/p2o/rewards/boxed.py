r"""Finds the final answer of a completion: the content of its last `\boxed{}`."""

import re
from typing import NamedTuple

# An escaped character is one token, so that `\{` and `\\` are never half of something else.
_BETWEEN = re.compile(
    r"(?:[\s$,;.]|\\[()\[\],;:! ]|\\q?quad|\\text\{[\s,]*(?:and|or)[\s,]*\}|\b(?:and|or|also)\b|\\?[A-Za-z]\w?\s*=)*"
)
_TOKEN = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL)


class _Box(NamedTuple):
    """Where a box is opened, where its content starts, and where it ends."""

    opening: int
    start: int
    end: int


def last_boxed(text: str) -> str | None:
    r"""The content of the last `\boxed{}` or `\fbox{}`, None if there is none. Of nested boxes the outermost counts.

    If the last box is never closed there is no answer, even if an earlier one was closed: the final one is missing.
    Takes time linear in the text.
    """
    boxes = _boxes(text)
    return text[boxes[-1].start : boxes[-1].end] if boxes else None


def consecutive_boxed(text: str) -> str | None:
    r"""The contents of the last box and of those right before it as a list: `(2,2), (6,2)` of a sentence with both.

    Boxes belong together if nothing but `and`, `or`, commas, dollars, blanks and the left side of an equation stands
    between them.
    """
    boxes = _boxes(text)
    if not boxes:
        return None
    together = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        between = text[box.end + 1 : together[0].opening]
        if len(between) > 70 or not _BETWEEN.fullmatch(between):
            break
        together.insert(0, box)
    contents = [text[box.start : box.end].strip() for box in together]
    return ", ".join(contents)


def _boxes(text: str) -> list[_Box]:
    """The outermost boxes in their order; none if the last one is never closed."""
    braces: list[re.Match[str]] = []  # opened and not closed yet
    boxes: list[_Box] = []
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "box" | "open":
                braces.append(token)
            case "close" if braces:
                opened = braces.pop()
                if opened["box"]:
                    while boxes and boxes[-1].opening > opened.start():  # they are in this one
                        boxes.pop()
                    boxes.append(_Box(opened.start(), opened.end(), token.start()))
    last_opened = max((brace.end() for brace in braces if brace["box"]), default=-1)
    return boxes if boxes and last_opened <= boxes[-1].end else []


def unbox(text: str) -> str:
    r"""The content of a text that is one `\boxed{}` and nothing else; any other text as it is. Stripped."""
    text = text.strip()
    opening = _TOKEN.match(text)
    if opening is None or not opening["box"]:
        return text
    content = last_boxed(text)
    if content is None or opening.group() + content + "}" != text:
        return text
    return content.strip()
