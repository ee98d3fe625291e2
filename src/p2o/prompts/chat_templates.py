"""Chat templates beside the tokenizer's own: a plain one for base models, and a system prompt before each question."""

import json
from typing import Any

from transformers import PreTrainedTokenizerBase

from p2o.errors import InputError
from p2o.prompts.fixed_day import fixed_day, with_fixed_day

PLAIN = "plain"


def take_template(tokenizer: PreTrainedTokenizerBase, switches: dict[str, Any] | None) -> dict[str, Any]:
    """Gives a tokenizer the chat template that `model.chat_template_kwargs` asks for, its day fixed.

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
    if isinstance(tokenizer.chat_template, dict):  # several, of which transformers takes that of the name "default"
        named = {name: fixed_day(template) for name, template in tokenizer.chat_template.items()}
        used = {name: with_fixed_day(template) for name, template in named.items() if name == "default"}
        tokenizer.chat_template = named | used
    elif tokenizer.chat_template:
        tokenizer.chat_template = with_fixed_day(tokenizer.chat_template)
    if (system := others.pop("system_prompt", "")) and tokenizer.chat_template:
        before = "{%- set messages = [{'role': 'system', 'content': " + _literal(system) + "}] + messages -%}\n"
        tokenizer.chat_template = before + tokenizer.chat_template
    return others


def check_texts(switches: dict[str, Any] | None) -> None:
    """Refuses a system prompt or a template that is no text: the run would train under the words of a dictionary.

    Raises:
        InputError: It names the one that is none.
    """
    for name in ("chat_template", "system_prompt"):
        if switches and name in switches and not isinstance(switches[name], str):
            raise InputError(
                f"model.chat_template_kwargs.{name}: expected a text, got {switches[name]!r:.100}. Put it in quotation "
                "marks; on the command line within others, since the shell takes away the outer ones."
            )


def keep_prompts(tokenizer: PreTrainedTokenizerBase, switches: dict[str, Any] | None) -> None:
    """Gives a tokenizer the chat template of the run with its switches as defaults, so that it can be saved with them.

    Args:
        tokenizer: Its template is changed; whoever renders with it, renders the prompts of the run.
        switches: As `take_template` takes them.
    """
    others = take_template(tokenizer, switches)
    if others and not isinstance(tokenizer.chat_template, str):
        raise InputError(
            f"The tokenizer of {tokenizer.name_or_path!r} has several chat templates, which cannot keep the switches "
            f"{', '.join(others)}. Leave them out of model.chat_template_kwargs, or name one by chat_template."
        )
    for name, value in others.items():
        unset = f"{{%- if {name} is not defined %}}{{% set {name} = {_literal(value)} %}}{{% endif -%}}\n"
        tokenizer.chat_template = unset + tokenizer.chat_template


def _literal(value: Any) -> str:  # noqa: ANN401 (of YAML)
    """A value as Jinja reads it. Jinja takes the escapes of JSON, but for characters in two halves: they stay."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def plain(tokenizer: PreTrainedTokenizerBase) -> str:
    """The messages as they stand, a line break after each; and what the tokenizer itself puts before a text."""
    first = tokenizer("x").input_ids[:1]
    begins = tokenizer.bos_token if tokenizer.bos_token and first == [tokenizer.bos_token_id] else ""
    return "{{ " + _literal(begins) + " }}{% for message in messages %}{{ message['content'] + '\\n' }}{% endfor %}"
