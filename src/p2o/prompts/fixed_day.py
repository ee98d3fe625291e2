"""The day that chat templates write: always the same one, so that a run asks the same prompts whenever it goes on."""

import re
from datetime import datetime

from p2o.errors import InputError

DAY = datetime(2024, 7, 26)  # what Llama 3's own template writes where it cannot know the day
CALL = re.compile(r"strftime_now\(\s*(['\"])((?:\\.|(?!\1)[^\\])*)\1\s*\)", re.DOTALL)


def fixed_day(template: str) -> str:
    """A chat template that writes `DAY` wherever it would ask transformers for the present day in a format to read."""
    return CALL.sub(lambda call: f"{call[1]}{DAY.strftime(call[2])}{call[1]}", template)


def with_fixed_day(template: str) -> str:
    """A chat template that asks transformers nowhere for the present day.

    Raises:
        InputError: The template asks in a way that cannot be read.
    """
    fixed = fixed_day(template)
    if "strftime_now" in fixed and (left := re.search(r"strftime_now\([^)]*\)?", _code(fixed))):
        raise InputError(
            f"The chat template asks for the present day by {left[0]}: prompts would change from day to day, and a "
            "run that is resumed would ask others. Expected the format as a text there, as in strftime_now('%d %b %Y')."
            " Give a template that writes a fixed day by model.chat_template_kwargs: {chat_template: ...}."
        )
    return fixed


def _code(template: str) -> str:
    """What is run of a template: no comment, and no text around its blocks."""
    from jinja2 import Environment  # with which transformers renders templates

    return "".join(text for _, kind, text in Environment().lex(template) if kind not in ("comment", "data"))
