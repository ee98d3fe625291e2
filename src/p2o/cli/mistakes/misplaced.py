"""Values that stand one level too high or low in a config, and where they belong."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SECTIONS = (
    "model",
    "data",
    "trainer",
    "progress",
    "fixed_questions",
    "evolution",
    "evolution_log",
    "question_log",
    "console_samples",
    "validation_log",
    "rollout_log",
    "logger_texts",
    "run_summary",
    "benchmark_report",
    "checkpoint",
)
"""Of a config; said again here, since to make a parser takes seconds."""

_SWITCHES = ("system_prompt", "chat_template", "enable_thinking")  # written as settings of `model`, as others have them
_OFF = "evolution.budget: 0 switches evolution off"
_DATA = (".jsonl", ".parquet", ".json", ".csv")
_UNREAD = re.compile(r'Parser key "(?P<section>\w+)":\s+Unable to load config \'(?P<value>[^\']*)\'')


def no_settings(content: Mapping[str, Any], folder: Path) -> Iterator[str]:
    """Says of each section of a config that has something else than settings what to write instead.

    Args:
        content: Of the config.
        folder: That it lies in. A section may be the name of a file, which is looked for there.
    """
    for section in SECTIONS:
        if section in content and not isinstance(value := content[section], dict):
            if not (isinstance(value, str) and ((folder / value).is_file() or Path(value).is_file())):
                yield section_mistake(section, value)


def section_of_an_option(message: str) -> str:
    """The same of a section that an option gives, from what the parser says; "" if it says something else."""
    found = _UNREAD.search(message)
    if not found or found["section"] not in SECTIONS or Path(found["value"]).is_file():
        return ""
    value = None if found["value"] == "null" else found["value"]
    return message[: found.start()] + section_mistake(found["section"], value)


def section_mistake(section: str, value: Any) -> str:  # noqa: ANN401 (of YAML)
    """What a section should be, what came, and what to write."""
    got = "null" if value is None else repr(value)[:100]
    said = f"{section}: expected settings, got {got}."
    if section == "model" and isinstance(value, str):
        return f"{said} Write model: {{model: {value}}}."
    if section == "data" and isinstance(value, str):
        return f"{said} Write data: {{train: {question_source(value)}}}."
    if section == "evolution":
        return f"{said} {_OFF}; its defaults hold where the section is left out."
    return f"{said} Leave the section out for its defaults; `p2o fit --help {section}` lists what it takes."


def question_source(value: str) -> str:
    """The class that reads questions from a file, or from a data set of the hub, as a config has it."""
    if value.lower().endswith(_DATA):
        return f"{{class_path: QuestionFile, init_args: {{path: {value}}}}}"
    return f"{{class_path: HubQuestions, init_args: {{name: {value}}}}}"


def no_source(key: str, name: str) -> str:
    """Says how to name questions where a file or a data set stands in place of a class; "" if it is neither."""
    if not key.removeprefix("fit.").startswith("data.") or not ("/" in name or name.lower().endswith(_DATA)):
        return ""
    return f"expected a class, got {name!r}. Write {key.removeprefix('fit.')}: {question_source(name)}."


def switch_of_the_template(option: str) -> str:
    """Where an option of `model` belongs that is a switch of the chat template; "" if it is none."""
    name = option.partition("=")[0].removeprefix("--model.")
    if f"--model.{name}" != option.partition("=")[0] or name not in _SWITCHES:
        return ""
    return f"Write model: {{chat_template_kwargs: {{{name}: ...}}}}."
