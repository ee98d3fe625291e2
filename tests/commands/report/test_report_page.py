"""The page: one file, nothing loaded, nothing run, whatever stands in the texts."""

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from p2o.cli.main import main
from p2o.commands.report.charts import Line, bar_chart, line_chart
from p2o.commands.report.palette import COLOURS
from run_folders import HOSTILE, bare_folder, whole_folder

NAME = "a'\"><script>alert(4)<script>$"  # a folder may be called so


class Page(HTMLParser):
    """Elements, attributes and texts of a page."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes, self.texts, self.ids, self.targets = set(), set(), [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attributes}
        self.targets += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "action")]
        self.ids += [value for name, value in attributes if name == "id"]

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    out = root / "report.html"
    main(["report", str(whole_folder(root / NAME, HOSTILE)), str(bare_folder(root / "b")), "--out", str(out)])
    return out.read_text(encoding="utf-8")


def test_texts_are_data(hostile):
    page = Page(hostile)
    assert "script" not in page.elements
    assert not {name for name in page.attributes if name.startswith("on")}
    shown = "".join(page.texts)
    for where in ("prompt", "reply", "question", "answer", "completion"):
        assert f"{where} {HOSTILE}" in shown
    assert NAME in shown


def test_nothing_is_loaded_from_anywhere(hostile):
    targets = Page(hostile).targets
    assert len(targets) > 20 and all(target.startswith(("data:", "#")) for target in targets)
    assert "url(" not in hostile and "@import" not in hostile
    assert "default-src 'none'" in hostile  # and if anything asked, the browser would refuse


def test_every_section_can_be_reached(hostile):
    page = Page(hostile)
    ids = ["verdict", "overview", "learning", "steps", "hard_set", "bare_and_templated", "evolution", "coverage"]
    ids += ["cost", "convergence", "internalisation", "context_ratio", "outcomes", "completions"]
    assert page.ids == ids
    assert re.findall(r'<li><a href="#(\w+)">', hostile) == ids


def test_figures_take_any_label_and_are_the_same_each_time():
    lines = [
        Line(HOSTILE, [0.5, None, 1.0], [0.4, None, 0.9], [0.6, None, 1.0]),
        Line(NAME, [0.1, 0.2, 0.3], dashed=True),
        Line("$\\nosuch{$", [0.1, 0.2, 0.3]),
    ]
    first, second = (line_chart(NAME, [0, 1, 2], lines, "epoch", "share") for _ in range(2))
    assert first == second
    assert "<script>" not in first.svg
    assert first.table.rows[0] == ["0", "50.0% [40.0%, 60.0%]", "10.0%", "10.0%"]
    assert first.table.rows[1][1] == "–"
    bars = bar_chart(HOSTILE, ["x"], {NAME: [2.0], "out": [-1.0]}, "epoch", "questions")
    assert bars.table.rows == [["x", "2", "1"]] and "<script>" not in bars.svg


def test_the_report_goes_into_the_first_run(tmp_path, capsys):
    root = bare_folder(tmp_path / "run")
    main(["report", str(root)])
    assert (root / "report.html").is_file()
    assert f"Wrote {root}/report.html." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [(["{root}/none"], "summary.json"), (["{root}/run", "--out", "{root}/none/r.html"], "expected a file in a folder")],
)
def test_bad_input_is_one_message(tmp_path, capsys, words, message):
    bare_folder(tmp_path / "run")
    with pytest.raises(SystemExit) as stop:
        main(["report", *(word.replace("{root}", str(tmp_path)) for word in words)])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert message in error and "Traceback" not in error


def test_without_matplotlib_it_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit):
        main(["report", str(bare_folder(tmp_path / "run"))])
    assert "pip install 'p2o[report]'" in capsys.readouterr().err


def test_a_part_of_zeros_keeps_its_colour():
    with_it = bar_chart("t", [0], {"a": [1], "b": [2], "c": [3]}, "x", "y").svg
    without = bar_chart("t", [0], {"a": [1], "b": [0], "c": [3]}, "x", "y").svg
    second, third = (colour.lower() for colour in COLOURS[1:3])
    assert second in with_it.lower() and second not in without.lower() and third in without.lower()


def test_a_report_needs_neither_lightning_nor_the_callbacks():
    """What it reads is in `run_folder`; it takes no second to load a training framework for a page."""
    names = "lightning", "transformers", "p2o.callbacks"
    script = f"import sys, p2o.commands.report.sections; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
