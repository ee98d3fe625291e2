from pathlib import Path

from scripts.what_fits import rows

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "gpu.md"


def test_the_table_of_the_documentation_is_what_plan_reckons():
    written = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in PAGE.read_text(encoding="utf-8").splitlines()
        if line.startswith(("| model | 1 x", "| Qwen3-"))
    ]
    assert written == list(rows())
