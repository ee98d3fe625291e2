"""The command line of `p2o compare`."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentError, ArgumentParser, Namespace, get_loader

from p2o.cli.config import read_config
from p2o.cli.config_files import read_mapping
from p2o.commands.shipped import path_of
from p2o.commands.study.definition import Method, Study, Variant
from p2o.commands.study.fits import Store
from p2o.commands.study.report import write_report
from p2o.commands.study.rows import VariantRuns, check_figures, chosen
from p2o.commands.study.runner import run_missing
from p2o.errors import InputError
from p2o.io.files import check_writable

USAGE = "p2o compare STUDY.yaml [--out DIR] [--jobs N] [--seeds '[0, 1, 2]'] [any other key of the study]"


def compare_command(words: Sequence[str]) -> None:
    """Runs what a study still misses, then writes its tables: Markdown, LaTeX, HTML and JSON."""
    study, out = read_study(words)
    path = path_of(words[0], "studies")
    store = Store(out / "fits")
    variants = [_variant_runs(path, variant, study, store) for variant in study.variants()]
    check_writable(out)
    tuning = [fit for each in variants for fit in each.tuning]
    check = partial(check_figures, study, variants)
    failed = run_missing(tuning, study.jobs, _say, check) if tuning else []
    by_seed = [fit for fits in zip(*(each.fits for each in chosen(variants)), strict=True) for fit in fits]
    failed += run_missing(by_seed, study.jobs, _say, check)  # half of it: one seed of everything
    print(write_report(out / path.stem, study, variants), end="")
    _say(f"Wrote {out / path.stem}: table.md, table.tex, table.html, results.json.")
    if failed:
        raise InputError(
            f"{len(failed)} of the runs failed: {', '.join(fit.folder.name for fit in failed)}. The table says so. The "
            "same command tries them again."
        )


def read_study(words: Sequence[str]) -> tuple[Study, Path]:
    """The study of a command line, and the folder for what comes of it.

    Raises:
        InputError: There is no study file, or it contradicts itself.
        ArgumentError: A key is unknown, or a value of the wrong kind.
    """
    parser = ArgumentParser("p2o compare", usage=USAGE, description=compare_command.__doc__, exit_on_error=False)
    parser.add_argument("--study", action="config", help="the study file; given first, without --study")
    parser.add_argument("--out", type=Path, default=Path("runs/compare"), help="for fits/ (the runs) and the tables")
    parser.add_class_arguments(Study, as_group=False)
    named = bool(words) and not words[0].startswith("-")
    if not named and not {"-h", "--help"} & set(words):
        raise InputError(f"p2o compare: expected a study file. Usage: {USAGE}")
    if named:
        words = [str(path_of(words[0], "studies")), *words[1:]]
        read_mapping(Path(words[0]), "the YAML file of a study", "configs, methods and baseline")
    options = _plain(parser.parse_args([*(["--study"] if named else []), *words]))
    out = options.pop("out")
    options.pop("study")
    if named:  # the parser lets a mapping of the command line replace that of the file
        written = get_loader("yaml")(Path(words[0]).read_text(encoding="utf-8")).get("options")
        options["options"] = (written or {}) | options["options"]
    try:
        methods = {name: Method(**method) for name, method in options.pop("methods").items()}
        return Study(methods=methods, **options), out
    except InputError as error:
        raise InputError(f"{words[0]}: {error}") from error


def _plain(value: Any) -> Any:  # noqa: ANN401 (of any option)
    """Built-in types: the parser takes what names a class for the class's own options."""
    match value:
        case Namespace():
            return _plain(vars(value))
        case dict():
            return {name: _plain(part) for name, part in value.items()}
        case list():
            return [_plain(part) for part in value]
    return value


def _variant_runs(path: Path, variant: Variant, study: Study, store: Store) -> VariantRuns:
    """A variant with a run for each seed, not yet begun; its config is read first, so that mistakes show at once."""
    try:
        config = read_config(variant.arguments(path.parent))
    except (ArgumentError, InputError) as error:
        raise InputError(f"{path}: {variant.row}: {error}") from error
    tuning = study.tuning_seeds if variant.tuned else []
    fits = [[store.fit(variant.method, config, seed) for seed in seeds] for seeds in (study.seeds, tuning)]
    return VariantRuns(variant, *fits)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
