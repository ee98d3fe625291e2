"""The command line of `p2o init`."""

import re
from collections.abc import Sequence
from pathlib import Path

from p2o.cli.parser import OneMessage
from p2o.commands.shipped import PREFIX, path_of
from p2o.errors import InputError
from p2o.io.files import write_text

USUAL = "Qwen/Qwen3-0.6B"
TRAIN = Path("train.jsonl")


def init_command(words: Sequence[str]) -> None:
    """Writes a commented config to start from: a copy of one that comes with p2o, or one for questions of your own."""
    parser = OneMessage("p2o init", description=init_command.__doc__)
    add = parser.add_argument
    add("name", nargs="?", help="a config that comes with p2o, such as quickstart; default: one for your own questions")
    add("file", type=Path, help="the .yaml file to write")
    add(
        "--questions",
        type=Path,
        default=None,
        help=".jsonl or .parquet, whose columns are guessed; default: train.jsonl",
    )
    add("--model", default=None, help=f"a folder or a name on the Hugging Face hub; default: {USUAL}")
    add("--memory", type=float, default=None, help="GiB of a GPU: sizes are chosen that fit; default: no GPU")
    add("--gpus", type=int, default=None, help="how many of them; default: 1")
    add("--vllm", action="store_true", default=None, help="sample with vLLM (on a GPU; pip install 'p2o[vllm]')")
    options = parser.parse_args(list(words))
    file: Path = options.file
    wishes = {name: getattr(options, name) for name in ("questions", "model", "memory", "gpus", "vllm")}
    given = {name: value for name, value in wishes.items() if value is not None}
    if file.suffix not in (".yaml", ".yml"):
        raise InputError(f"{file}: expected the name of a .yaml file to write. See p2o init --help.")
    if file.exists():
        raise InputError(f"{file}: expected a new file, this one exists. Name another, or move it away.")
    if options.name and given:
        raise InputError(
            f"p2o init {options.name}: expected no --{next(iter(given))}: a config that comes with p2o is copied."
        )
    text = _copy(options.name, file) if options.name else _own(given, file)
    questions: Path = options.questions or TRAIN
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text(file, text)
    gpu = f" --memory {options.memory:g}" if options.memory else ""  # whoever plans may have another one, or none
    print(f"Wrote {file}. Next: p2o plan --config {file}{gpu}, then p2o fit --config {file}.")
    if not options.name and not questions.expanduser().exists():
        print(f"There is no {questions} yet: put it there first, and name its columns in {file}.")


def _copy(name: str, file: Path) -> str:
    """A config that comes with p2o, under a command of its own and with a run folder of its own."""
    path = path_of(PREFIX + name.removeprefix(PREFIX))
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[0] = f"# p2o fit --config {file}" if "/" not in name else f"# p2o fit --config CONFIG.yaml --config {file}"
    text = "\n".join(lines) + "\n"
    return re.sub(r"(default_root_dir: )[\w./-]+", rf"\g<1>runs/{file.stem}", text, count=1)


def _own(given: dict[str, object], file: Path) -> str:
    from p2o.commands.fitting import Wishes  # loads torch, as the next one does
    from p2o.commands.starting_point import starting_point

    usual = {"questions": TRAIN, "model": USUAL, "memory": 0.0, "gpus": 1, "vllm": False}
    wishes = Wishes(**{**usual, **given})  # type: ignore[arg-type]  # argparse has checked each
    if wishes.memory < 0 or wishes.gpus < 1:
        raise InputError(f"p2o init: expected --memory >= 0 and --gpus >= 1, got {wishes.memory:g} and {wishes.gpus}.")
    if not wishes.memory and (wishes.vllm or wishes.gpus > 1):
        raise InputError("p2o init: --vllm and --gpus are about GPUs: say how large they are with --memory GIB.")
    return starting_point(wishes, file.stem)
