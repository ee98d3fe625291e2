"""The only place that renders a chat: the bare context x and the templated context x̃ = T(x, z)."""

from typing import Any

from transformers import PreTrainedTokenizerBase

from p2o.errors import InputError


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

    def question(self, text: str, template: str = "") -> tuple[int, ...]:
        """Token ids of T(x, z)."""
        return self.message(apply_template(template, self.instruction + text))

    def message(self, content: str) -> tuple[int, ...]:
        """Token ids of one user message and the start of the reply.

        Raises:
            InputError: `content` spells a special token of the tokenizer, which would end or forge a chat turn.
        """
        if token := self.special_token_in(content):
            raise InputError(f"Expected plain text, found the special token {token!r} in {content[:200]!r}.")
        ids = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": content}],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            **self.chat_template_kwargs,
        )
        return tuple(ids)

    def special_token_in(self, text: str) -> str:
        """The first special token of the tokenizer that a text spells; "" if it spells none."""
        return next((token for token in self.tokenizer.all_special_tokens if token in text), "")

    def decode(self, ids: tuple[int, ...]) -> str:
        """Text of a completion, without special tokens."""
        text: str = self.tokenizer.decode(ids, skip_special_tokens=True)
        return text
