"""Config files that an editor or a disk damaged: read, or refused in one message; never a traceback."""

from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from untrusted import JSON, cases, damaged

from p2o.cli.main import main

QUICKSTART = (Path(__file__).parents[2] / "configs" / "quickstart.yaml").read_bytes()
KEYS = ["model", "model.engine", "model.temperature", "data.train", "data.tau", "evolution.reflector", "trainer"]


def print_config(*words):
    """Exit status and stderr of p2o fit that prints its config instead of running."""
    said = StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(StringIO()):
            main(["fit", *words, "--print_config"])
    except SystemExit as stop:
        return stop.code or 0, said.getvalue()
    return 0, said.getvalue()


def assert_read_or_refused(status, said):
    assert status in (0, 2)
    assert "Traceback" not in said
    assert not status or said.strip()


@cases(5, shrink=False)
@given(damaged(QUICKSTART))
@example(b"")
@example(QUICKSTART.replace(b"tau", b"t\x00u"))
@example(QUICKSTART + b"\nnote: 2026-13-01\n")
@example(QUICKSTART + b"\nnote: " + b"[" * 3000)
def test_damaged_configs(tmp_path, content):
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    assert_read_or_refused(*print_config("--config", str(path)))


@cases(5, shrink=False)
@given(st.sampled_from(KEYS), JSON)
def test_values_of_any_shape(tmp_path, key, value):
    import yaml

    for part in reversed(key.split(".")):
        value = {part: value}
    base, path = tmp_path / "base.yaml", tmp_path / "run.yaml"
    base.write_bytes(QUICKSTART)
    path.write_text(yaml.safe_dump(value), encoding="utf-8", errors="replace")
    assert_read_or_refused(*print_config("--config", str(base), "--config", str(path)))
