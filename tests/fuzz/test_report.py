"""The report page: no text becomes markup, and a damaged run folder is read or refused by the name of the file."""

import json
import shutil
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from untrusted import JSON, MARKUP, MATHS, WORDS, cases, damaged, encodable, texts

from p2o.cli.main import main
from run_folders import whole_folder


class Page(HTMLParser):
    """Which elements and attributes there are."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.attributes = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attributes}


def report(folder):
    """Exit status of p2o report, and what it said on stderr."""
    said = StringIO()
    try:
        with redirect_stderr(said), redirect_stdout(StringIO()):
            main(["report", str(folder)])
    except SystemExit as stop:
        return stop.code or 0, said.getvalue()
    return 0, said.getvalue()


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain") / "run"
    assert report(whole_folder(folder))[0] == 0
    return Page((folder / "report.html").read_text(encoding="utf-8"))


@cases(1, shrink=False, more=3)
@given(texts(*MARKUP, *MATHS, *WORDS).filter(encodable))
def test_no_text_becomes_markup(tmp_path, plain, text):
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    whole_folder(folder, text or "x")
    status, said = report(folder)
    assert status == 0, said
    page = Page((folder / "report.html").read_text(encoding="utf-8"))
    assert page.elements <= plain.elements
    assert page.attributes <= plain.attributes


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return whole_folder(tmp_path_factory.mktemp("whole") / "run")


@cases(2, shrink=False, more=3)
@given(st.data())
def test_a_damaged_file_is_read_or_named(tmp_path, whole, data):
    files = sorted(str(path.relative_to(whole)) for path in whole.rglob("*") if path.is_file())
    name = data.draw(st.sampled_from(files))
    folder = tmp_path / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    path = folder / name
    content = path.read_bytes()
    if name.endswith((".json", ".jsonl")) and data.draw(st.booleans()):
        path.write_text(json.dumps(data.draw(JSON)), encoding="utf-8")
    else:
        path.write_bytes(data.draw(damaged(content)))
    status, said = report(folder)
    assert "Traceback" not in said
    assert status in (0, 2)
    if status:
        assert name in said or str(folder) in said
