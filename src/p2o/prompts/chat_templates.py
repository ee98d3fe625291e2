"""Chat templates beside the tokenizer's own: a plain one for base models, and a system prompt before each question."""

import json
from typing import Any

from transformers import PreTrainedTokenizerBase

PLAIN = "plain"


def take_template(tokenizer: PreTrainedTokenizerBase, switches: dict[str, Any] | None) -> dict[str, Any]:
    """Gives a tokenizer the chat template that `model.chat_template_kwargs` asks for.

    Args:
        tokenizer: Its template is changed.
        switches: Those of the template, and two of p2o: `chat_template` ("plain", for models that know no chats, or the
            text of a Jinja template) and `system_prompt`.

    Returns:
        The switches of the template alone.
    """
    others = dict(switches or {})
    if asked := others.pop("chat_template", ""):
        tokenizer.chat_template = plain(tokenizer) if asked == PLAIN else asked
    if (system := others.pop("system_prompt", "")) and tokenizer.chat_template:
        before = "{%- set messages = [{'role': 'system', 'content': " + json.dumps(system) + "}] + messages -%}\n"
        tokenizer.chat_template = before + tokenizer.chat_template
    return others


def plain(tokenizer: PreTrainedTokenizerBase) -> str:
    """The messages as they stand, a line break after each; and what the tokenizer itself puts before a text."""
    first = tokenizer("x").input_ids[:1]
    begins = tokenizer.bos_token if tokenizer.bos_token and first == [tokenizer.bos_token_id] else ""
    return "{{ " + json.dumps(begins) + " }}{% for message in messages %}{{ message['content'] + '\\n' }}{% endfor %}"
