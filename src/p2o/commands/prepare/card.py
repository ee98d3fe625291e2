"""The data card: where data came from, what was done to it, and what came out."""

from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

from p2o.commands.prepare.answer_types import answer_type
from p2o.commands.prepare.pipeline import Prepared
from p2o.commands.prepare.recipes import Recipe


def make_card(
    name: str, sources: list[dict[str, str]], recipe: Recipe, evaluation: list[str], seed: int, prepared: Prepared
) -> dict[str, Any]:
    """The card in plain types; the files' hashes are added when they are written."""
    everything = prepared.parts["train"] + prepared.parts.get("test", [])
    return {
        "name": name,
        "p2o": version("p2o"),
        "sources": sources,
        "seed": seed,
        "filters": {
            "minimum difficulty": recipe.min_difficulty,
            "answer types balanced": recipe.balanced,
            "gold answers that do not parse": "left out",
            "duplicates (letters, digits and answer alike)": "kept" if "duplicates" in recipe.keep else "left out",
            "overlap (letters and digits alike, or 13 words in a row that are no common phrase)": (
                "kept" if "overlap" in recipe.keep else "left out" if evaluation else "not checked"
            ),
            "evaluation sets": evaluation,
        },
        "questions after each step": prepared.counts,
        "left out": dict(Counter(row.rule for row in prepared.left_out).most_common()),
        "parts": {part: {"questions": len(questions)} for part, questions in prepared.parts.items()},
        "not made for want of questions": [
            f"train_{size}" for size in recipe.sizes if f"train_{size}" not in prepared.parts
        ],
        "answer types": dict(Counter(answer_type(question.answer) for question in everything).most_common()),
    }


def card_lines(card: dict[str, Any]) -> Iterator[str]:
    """The card as lines of Markdown, for readers."""
    yield f"# {card['name']}"
    yield ""
    for key, value in card.items():
        match value:
            case {} if value:
                yield f"\n## {key[0].upper()}{key[1:]}\n"
                yield from (f"- {name}: {_in_words(entry)}" for name, entry in value.items())
            case [{}, *_]:
                yield f"\n## {key[0].upper()}{key[1:]}\n"
                yield from (f"- {_in_words(entry)}" for entry in value)
            case _ if key != "name":
                yield f"- {key}: {_in_words(value)}"
    yield "\nWhat was left out, row by row with the reason, is in `left_out.jsonl`."


def _in_words(value: object) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {_in_words(entry)}" for name, entry in value.items())
        case list():
            return ", ".join(map(_in_words, value)) or "none"
    return "none" if value is None else str(value)
