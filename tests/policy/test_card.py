"""The model card, whose labels come from data files."""

import json

from p2o.policy.card import _figures


def test_a_difficulty_is_a_cell_of_the_table_and_writes_no_markdown_of_its_own(tmp_path):
    label = "easy | 99% |\n\n<img src=x onerror=alert(1)>\n\n# Fake"
    summary = tmp_path / "summary.json"
    summary.write_text(json.dumps({"history": [{"bare": {label: 0.5, "hard": 0.25}}]}), encoding="utf-8")
    lines = _figures(summary, 0, {}).splitlines()
    assert "| bare, hard | 25.0% |" in lines
    assert r"| bare, easy \| 99% \| &lt;img src=x onerror=alert(1)&gt; # Fake | 50.0% |" in lines
    assert "# Fake" not in lines
