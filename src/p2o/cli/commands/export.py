"""The command line of `p2o export`."""

from collections.abc import Sequence
from pathlib import Path

from p2o.cli.parser import OneMessage


def export_command(words: Sequence[str]) -> None:
    """Writes a checkpoint as a Hugging Face model folder, tokenizer included."""
    parser = OneMessage("p2o export", description=export_command.__doc__)
    parser.add_argument("checkpoint", type=Path, help="a checkpoint of p2o fit")
    parser.add_argument("out", type=Path, help="the folder to make")
    options = parser.parse_args(list(words))
    from p2o.policy.export import export

    export(options.checkpoint, options.out)
    print(f"Wrote {options.out}.")
