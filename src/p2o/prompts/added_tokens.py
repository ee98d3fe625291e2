"""The tokens that a tokenizer has beyond its vocabulary of text: the turns of a chat, and what else was added.

A tokenizer matches them in any text before it reads the rest, those of DeepSeek-R1-Distill and Llama 3 included, which
are not named as special. In the text of a question or a template they must stay text.
"""

import json
import re
from collections.abc import Sequence
from functools import cached_property

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from p2o.errors import InputError

_TAG = re.compile(r"</?[A-Za-z_]+>")  # <think> is a word that instructions may mention
_FIRST_NAME = 0xF0000  # of a plane for private use, in which no text is written


class AddedTokens:
    """Tells the added tokens of a tokenizer from text.

    Tokens of blanks alone, which some tokenizers add for indentation, are text: they open no turn.

    Args:
        tokenizer: Of the policy.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self.tokenizer = tokenizer
        added = {id: token for id, token in tokenizer.added_tokens_decoder.items() if token.content.strip()}
        self.contents = {id: token.content for id, token in added.items()}
        special = {token.content for token in added.values() if token.special} | set(tokenizer.all_special_tokens)
        signs = {text for text in self.contents.values() if not text.isalnum() and not _TAG.fullmatch(text)}
        self.controls = tuple(dict.fromkeys([*tokenizer.all_special_tokens, *sorted(special | signs)]))

    def among(self, ids: Sequence[int]) -> list[int]:
        """The ids of added tokens among token ids, in their order."""
        return [id for id in ids if id in self.contents]

    def encode_between(self, before: str, text: str, after: str) -> list[int]:
        """Token ids of `before + text + after`, with no added token from `text`.

        The tokens of `before` and `after` go under names that no text has, in a copy of the tokenizer that knows them
        by these names alone. So the text is read as if it spelled no token, blanks at its borders included.

        Raises:
            InputError: The tokenizer cannot read the text without such tokens.
        """
        if not self.tokenizer.is_fast or any(name in text for name in self._names.values()):
            raise InputError(f"Expected plain text, found an added token of the tokenizer in {text[:200]!r}.")
        natural = self.tokenizer.backend_tokenizer.encode(f"{before}x{after}", add_special_tokens=False)
        spans = [
            (self._names[id], *span) for id, span in zip(natural.ids, natural.offsets, strict=True) if id in self._names
        ]
        renamed, ids = self._renamed
        whole = _replace(before, spans, 0) + text + _replace(after, spans, len(before) + 1)
        result = [ids.get(id, id) for id in renamed.encode(whole, add_special_tokens=False).ids]
        if self.among(result) != self.among(natural.ids):  # its vocabulary of text has the token as well
            raise InputError(f"Expected plain text, found an added token of the tokenizer in {text[:200]!r}.")
        return result

    @cached_property
    def _names(self) -> dict[int, str]:
        return {id: chr(_FIRST_NAME + number) for number, id in enumerate(self.contents)}

    @cached_property
    def _renamed(self) -> tuple[Tokenizer, dict[int, int]]:
        """The tokenizer with other names for its added tokens, and the ids that it gives them with those they have."""
        state = json.loads(self.tokenizer.backend_tokenizer.to_str())
        for token in state["added_tokens"]:
            token["content"] = self._names.get(token["id"], token["content"])
        contents = {token["content"]: token["id"] for token in state["added_tokens"]}
        tokenizer = Tokenizer.from_str(
            json.dumps(state | {"post_processor": None, "padding": None, "truncation": None})
        )
        ids = {new: id for content, id in contents.items() if (new := tokenizer.token_to_id(content)) is not None}
        if set(ids) & set(tokenizer.get_vocab(with_added_tokens=False).values()) - set(ids.values()):
            raise InputError("Expected a tokenizer with its added tokens behind its vocabulary.")
        return tokenizer, ids


def _replace(text: str, spans: Sequence[tuple[str, int, int]], offset: int) -> str:
    """A text, which starts at an offset, with names in place of the tokens at some spans; blanks around them stay."""
    pieces: list[str] = []
    end = 0
    for name, start, stop in spans:
        token = text[max(0, start - offset) : max(0, stop - offset)].strip()
        if token:
            found = text.index(token, max(end, start - offset))
            pieces += [text[end:found], name]
            end = found + len(token)
    return "".join([*pieces, text[end:]])
