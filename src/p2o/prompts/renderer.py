"""The only place that renders a chat: the bare context x and the templated context x̃ = T(x, z)."""

from collections.abc import Sequence
from typing import Any

from transformers import PreTrainedTokenizerBase

from p2o.errors import InputError
from p2o.io.surrogates import has_half_pair
from p2o.prompts.added_tokens import AddedTokens

STAND_IN = "p2o-message"  # no template looks for it


def apply_template(template: str, message: str) -> str:
    """T(x, z): the stripped template, a blank line, the user message; a blank template leaves x as it is."""
    return f"{template.strip()}\n\n{message}" if template.strip() else message


class PromptRenderer:
    """Turns questions and templates into token ids with the tokenizer's own chat template.

    Bare and templated prompts go through the same call, so they can differ in z only.

    Args:
        tokenizer: A tokenizer with a chat template.
        instruction: Put before the question, as it stands (the paper's is the default).
        chat_template_kwargs: Switches of the chat template, such as `enable_thinking: false`.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        instruction: str = "Let's think step by step and output the final answer within \\boxed{}.\nQuestion: ",
        chat_template_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if tokenizer.chat_template is None:
            raise InputError(
                f"The tokenizer of {tokenizer.name_or_path!r} has no chat template, and questions are asked as chats. "
                "Use an instruct model, or for a base model set model.chat_template_kwargs to {chat_template: plain}."
            )
        self.tokenizer = tokenizer
        self.instruction = instruction
        self.chat_template_kwargs = chat_template_kwargs or {}
        self.added = AddedTokens(tokenizer)
        self._around("")  # a template that drops the message is refused before any question

    def question(self, text: str, template: str = "") -> tuple[int, ...]:
        """Token ids of T(x, z)."""
        return self.message(apply_template(template, self.instruction + text))

    def message(self, content: str) -> tuple[int, ...]:
        """Token ids of one user message and the start of the reply. The message yields no id of an added token.

        Raises:
            InputError: `content` spells a control token of the tokenizer, which would end or forge a chat turn where it
                is read as one, or cannot be read as text.
        """
        if has_half_pair(content):
            raise InputError(f"Expected text, found half a surrogate pair in {content[:200]!r}.")
        if token := self.special_token_in(content):
            raise InputError(f"Expected plain text, found the special token {token!r} in {content[:200]!r}.")
        before, text, after = self._around(content)
        ids = self.tokenizer.encode(before + text + after, add_special_tokens=False)
        empty = self.tokenizer.encode(f"{before}x{after}", add_special_tokens=False)
        if self.added.among(ids) != self.added.among(empty):
            ids = self.added.encode_between(before, text, after)
        return tuple(ids)

    def special_token_in(self, text: str) -> str:
        """The first control token of the tokenizer that a text spells, special or not; "" if it spells none."""
        return next((token for token in self.added.controls if token in text), "")

    def _around(self, content: str) -> tuple[str, str, str]:
        """What the chat template writes before a message, what it makes of it (some strip blanks), and what after."""
        before, *after = self._chat(STAND_IN).split(STAND_IN)
        whole = self._chat(content)
        if len(after) != 1 or not (whole.startswith(before) and whole[len(before) :].endswith(after[0])):
            raise InputError(
                f"The chat template of {self.tokenizer.name_or_path!r}: expected one that writes each user message "
                f"once and the same around all of them, got one that writes it {len(after)} times. Use another one."
            )
        return before, whole[len(before) : len(whole) - len(after[0])], after[0]

    def _chat(self, content: str, reply: str = "") -> str:
        """The text of a message and the start of the reply, or all of that."""
        asked, replied = {"role": "user", "content": content}, {"role": "assistant", "content": reply}
        text: str = self.tokenizer.apply_chat_template(
            [asked, replied] if reply else [asked],
            add_generation_prompt=not reply,
            tokenize=False,
            **self.chat_template_kwargs,
        )
        return text

    def end_of_turn(self, eos: Sequence[int]) -> int:
        """The id that ends a reply: of those that end completions, the first that the chat template puts behind one.

        If it puts none there, the tokenizer's own, if that is among them, else the first.
        """
        behind = self._chat("x", STAND_IN).rpartition(STAND_IN)[2]
        candidates = [*self.tokenizer.encode(behind, add_special_tokens=False), self.tokenizer.eos_token_id]
        return next((id for id in candidates if id in eos), eos[0])

    def plain(self, text: str) -> list[int]:
        """Token ids of a text outside of a chat, none of an added token.

        Raises:
            InputError: It cannot be read as text.
        """
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        return self.added.encode_between("", text, "") if self.added.among(ids) else ids

    def decode(self, ids: tuple[int, ...]) -> str:
        """Text of a completion, without special tokens."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text
