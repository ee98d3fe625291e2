"""The switches that a chat template knows: a misspelt one would change no prompt, and nobody would be told."""

import difflib
from typing import Any

from jinja2 import Environment, nodes  # with which transformers renders templates
from jinja2.ext import Extension, loopcontrols
from jinja2.meta import find_undeclared_variables
from jinja2.parser import Parser
from transformers import PreTrainedTokenizerBase

from p2o.errors import InputError

OWN = ("chat_template", "system_prompt")  # of p2o, which `take_template` has taken
# What transformers passes on itself, and its functions that no template of Jinja has.
FILLED = ("messages", "add_generation_prompt", "raise_exception", "strftime_now")


def check_switches(tokenizer: PreTrainedTokenizerBase, switches: dict[str, Any]) -> None:
    """Refuses a switch that the tokenizer's chat template does not name, and a truth value in quotation marks.

    Args:
        tokenizer: It has the chat template of the run, or none, which is refused elsewhere.
        switches: Those of the template alone.

    Raises:
        InputError: It names the switch, and the one that may be meant.
    """
    template = tokenizer.chat_template
    if isinstance(template, dict):  # several, of which transformers takes that of the name "default"
        template = template.get("default")
    if not switches or template is None:
        return
    known = switches_of(template)
    for name, value in switches.items():
        key = f"model.chat_template_kwargs.{name}"
        if name not in known:
            near = difflib.get_close_matches(str(name), [*known, *OWN], n=1)
            raise InputError(
                f"{key}: expected a switch that the chat template of {tokenizer.name_or_path!r} names, it would change "
                f"nothing.{f' Did you mean {near[0]}?' if near else ''} The template names "
                f"{', '.join(known) or 'none'}; p2o's own are {' and '.join(OWN)}."
            )
        if isinstance(value, str) and value.lower() in ("true", "false"):
            raise InputError(
                f"{key}: expected {value.lower()}, got the text {value!r}, which a template takes for another value. "
                "Write it without quotation marks."
            )


def switches_of(template: str) -> list[str]:
    """The names that a chat template takes from outside, in the order of the alphabet."""
    environment = Environment(extensions=[_Generation, loopcontrols])
    return sorted(find_undeclared_variables(environment.parse(template)).difference(FILLED))


class _Generation(Extension):
    """The block `{% generation %}`, with which templates mark replies for transformers: its inside, and no more."""

    tags = {"generation"}  # noqa: RUF012 (as Jinja declares them)

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Reads the block that begins here."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)
