"""The command line of `p2o prepare`."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from p2o.cli.parser import OneMessage
from p2o.commands.prepare.card import make_card
from p2o.commands.prepare.pipeline import prepare
from p2o.commands.prepare.recipes import RECIPES
from p2o.commands.prepare.sources import read_sources
from p2o.commands.prepare.write import write
from p2o.errors import InputError
from p2o.questions.benchmarks import HUB, load_benchmark, questions_of
from p2o.questions.columns import Columns
from p2o.rewards.math_answer import MathAnswer
from p2o.types import Question

NONE = "none"


def prepare_command(words: Sequence[str]) -> None:
    """A data set -> Parquet files with a data card."""
    options = _parser().parse_args(words)
    recipe = RECIPES[options.recipe]
    sources = options.source or [recipe.hub]
    if not sources[0]:
        raise InputError("p2o prepare jsonl: expected --source FILE.jsonl, got none.")
    if options.test is not None:
        recipe = replace(recipe, test=options.test)
    if options.sizes is not None:
        recipe = replace(recipe, sizes=tuple(options.sizes))
    if options.min_difficulty is not None:
        recipe = replace(recipe, min_difficulty=options.min_difficulty)
    recipe = replace(recipe, keep=tuple(options.keep))
    columns = Columns(options.question, options.answer, options.id, options.difficulty) if options.question else None
    read, entries = read_sources(sources, options.revision, columns)
    evaluation = evaluation_questions(options.evaluation)
    prepared = prepare(read, recipe, evaluation, MathAnswer(), options.seed)
    names = [] if options.evaluation == [NONE] else [Path(place).name for place in options.evaluation] or list(HUB)
    card = write(options.out, prepared, make_card(options.recipe, entries, recipe, names, options.seed, prepared))
    for name in ("questions after each step", "left out", "parts"):
        for key, value in card[name].items():
            print(f"{name}: {key}: {value['questions'] if isinstance(value, dict) else value}")
    for missing in card["not made for want of questions"]:
        print(f"{missing} was not made: there are not enough questions.")
    print(f"Wrote {options.out}; left_out.jsonl there names every row that was left out.")


def evaluation_questions(places: Sequence[str]) -> list[Question]:
    """The questions that must not be trained on: of files and folders, or of the six sets on the hub."""
    if list(places) == [NONE]:
        return []
    if not places:
        return [question for name in HUB for question in load_benchmark(name).questions]
    found: list[Question] = []
    for place in map(Path, places):
        files = sorted(place.glob("*.jsonl")) if place.is_dir() else [place]
        if not files:
            raise InputError(f"{place}: expected .jsonl files of evaluation questions, the folder has none.")
        found += [question for file in files for question in questions_of(file)]
    return found


def _parser() -> OneMessage:
    parser = OneMessage("p2o prepare", description=prepare_command.__doc__)
    add = parser.add_argument
    add("recipe", choices=list(RECIPES), help="the paper's settings for a data set, or a file of your own")
    add("out", type=Path, help="the folder to make")
    add("--source", nargs="+", default=[], help=".jsonl or .parquet files, or a name on the hub; default: the recipe's")
    add("--revision", default="", help="commit of the data set on the hub; default: the newest")
    add("--evaluation", nargs="+", default=[], help="files or folders to keep out of training; none; default: the hub")
    add("--keep", nargs="+", default=[], choices=["duplicates", "overlap"], help="report these, and leave them in")
    add("--min_difficulty", type=float, help="leave out easier questions (deepmath: 7)")
    add("--test", type=_count, help="questions to hold out (deepscaler, deepmath: 500)")
    add("--sizes", type=_count, nargs="*", help="nested training sets (deepscaler, deepmath: 5000 10000)")
    add("--seed", type=int, default=42, help="of balancing and order (paper: 42)")
    add("--question", default="", help="column of the question; default: the usual names of all columns")
    add("--answer", default="answer", help="column of the answer, with --question")
    add("--id", default="", help="column of the id, with --question")
    add("--difficulty", default="", help="column of the difficulty, with --question")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a number of questions, got {text!r}")
    return int(text)
