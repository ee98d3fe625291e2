"""The command line of `p2o export`."""

from collections.abc import Sequence
from pathlib import Path

from p2o.cli.parser import OneMessage
from p2o.errors import InputError


def export_command(words: Sequence[str]) -> None:
    """Writes a checkpoint as a Hugging Face model folder, with its tokenizer and a model card."""
    parser = OneMessage("p2o export", description=export_command.__doc__)
    parser.add_argument("checkpoint", type=Path, help="a checkpoint of p2o fit")
    parser.add_argument("out", type=Path, help="the folder to make")
    parser.add_argument("--adapter", action="store_true", help="write the LoRA adapters alone, as peft loads them")
    parser.add_argument("--push-to-hub", default="", metavar="REPO", help="upload it as well, such as to me/my-model")
    parser.add_argument("--public", action="store_true", help="make a new repository of --push-to-hub public")
    options = parser.parse_args(list(words))
    if options.public and not options.push_to_hub:
        raise InputError("p2o export: --public is about the repository of --push-to-hub REPO: name it.")
    from p2o.policy.export import export, export_adapter, push

    (export_adapter if options.adapter else export)(options.checkpoint, options.out)
    print(f"Wrote {options.out}.")
    if options.push_to_hub:
        print(f"Uploaded it: {push(options.out, options.push_to_hub, private=not options.public)}.")
