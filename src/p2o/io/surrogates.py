"""Halves of surrogate pairs: JSON can bring them into a text, and neither UTF-8 nor a tokenizer can hold them."""


def has_half_pair(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, as a cut emoji leaves it."""
    return not text.isascii() and text != text.encode("utf-8", "replace").decode()
