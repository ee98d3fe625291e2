r"""Finds the final answer of a completion: the content of its last `\boxed{}`."""

import re

# An escaped character is one token, so that `\{` and `\\` are never half of something else.
_TOKEN = re.compile(r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\.|(?P<open>\{)|(?P<close>\})", re.DOTALL)


def last_boxed(text: str) -> str | None:
    r"""The content of the last `\boxed{}` or `\fbox{}`, None if there is none. Of nested boxes the outermost counts.

    If the last box is never closed there is no answer, even if an earlier one was closed: the final one is missing.
    Takes time linear in the text.
    """
    braces: list[re.Match[str]] = []  # opened and not closed yet
    content: tuple[int, int] | None = None  # of the last closed box
    for token in _TOKEN.finditer(text):
        match token.lastgroup:
            case "box" | "open":
                braces.append(token)
            case "close" if braces:
                opened = braces.pop()
                if opened["box"]:
                    content = opened.end(), token.start()
    last_opened = max((brace.end() for brace in braces if brace["box"]), default=-1)
    if content is None or last_opened > content[1]:
        return None
    return text[slice(*content)]


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
