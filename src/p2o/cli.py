"""The `p2o` command. Imports what a command needs when it is called: `p2o --help` should not load torch."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from jsonargparse import ArgumentError

from p2o.errors import InputError

HELP = """usage: p2o <command> [options]

P²O: policy optimization with prompt evolution on hard questions.

commands:
  plan      say what a run will cost          p2o plan --config configs/quickstart.yaml
  fit       train a policy                    p2o fit --config configs/quickstart.yaml
  validate  measure a checkpoint              p2o validate --config configs/quickstart.yaml --ckpt_path last
  test      evaluate on benchmarks            p2o test --config configs/quickstart.yaml --data.benchmarks '[math500]'
  compare   methods over seeds, in a table    p2o compare studies/quickstart.yaml
  export    write a checkpoint as a model     p2o export runs/quickstart/checkpoints/last.ckpt my-model
  prepare   make training data                p2o prepare deepscaler data/deepscaler
  grade     grade answers and completions     p2o grade rows.jsonl graded.jsonl
  report    one HTML page about runs          p2o report runs/quickstart runs/quickstart_grpo

`p2o <command> --help` lists the options of a command, `p2o fit --config X --print_config` shows their values.
"""


def main(args: Sequence[str] | None = None) -> None:
    """Runs a command; None reads the command line. Returns None: a console script exits with what it returns."""
    words = sys.argv[1:] if args is None else args
    if not words or words[0] in ("-h", "--help"):
        print(HELP, end="")
        return
    try:
        if words[0] in COMMANDS:
            COMMANDS[words[0]](words[1:])
        else:
            from p2o.trainer_cli import run_trainer

            run_trainer(args)
    except (InputError, ArgumentError) as error:
        print(f"p2o: error: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def run_export(words: Sequence[str]) -> None:
    """Checkpoint -> model folder."""
    parser = argparse.ArgumentParser(
        "p2o export", description="Write a checkpoint as a Hugging Face model folder, tokenizer included."
    )
    parser.add_argument("checkpoint", type=Path, help="a checkpoint of p2o fit")
    parser.add_argument("out", type=Path, help="the folder to make")
    options = parser.parse_args(words)
    from p2o.export import export

    export(options.checkpoint, options.out)
    print(f"Wrote {options.out}.")


def run_grade(words: Sequence[str]) -> None:
    """Rows -> graded rows."""
    from p2o.commands.grade import grade_command

    grade_command(words)


def run_prepare(words: Sequence[str]) -> None:
    """Data set -> training questions."""
    from p2o.commands.prepare import prepare_command

    prepare_command(words)


def run_report(words: Sequence[str]) -> None:
    """Run folders -> HTML."""
    from p2o.commands.report import report_command

    report_command(words)


def run_compare(words: Sequence[str]) -> None:
    """Study -> runs and tables."""
    from p2o.commands.compare import compare_command

    compare_command(words)


def run_plan(words: Sequence[str]) -> None:
    """Config -> cost."""
    from p2o.commands.plan import plan_command

    plan_command(words)


COMMANDS = {
    "compare": run_compare,
    "export": run_export,
    "grade": run_grade,
    "plan": run_plan,
    "prepare": run_prepare,
    "report": run_report,
}
