"""Each decoder architecture takes the path that docs/reference/architectures.md says, and is right on it."""

import re
from pathlib import Path

import pytest
from architectures import NAMES, quiet, verdict

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "architectures.md"


def said() -> dict[str, str]:
    """Path of each architecture of the page, "refused" or "" if none was made."""
    supported, refused, unmade = re.split(r"^## (?:Refused|Not surveyed)$", PAGE.read_text("utf-8"), flags=re.MULTILINE)
    paths = re.findall(r"^\| (\w+) \(\d+\) \| (.*) \|$", supported, re.MULTILINE)
    found = {name: path for path, names in paths for name in names.split(", ")}
    found |= dict.fromkeys(re.findall(r"^\| ([\w-]+) \| \S.*\|$", refused, re.MULTILINE), "refused")
    return found | dict.fromkeys(re.findall(r"[\w-]+", unmade.split(":")[1]), "")


@pytest.mark.survey
@pytest.mark.parametrize("name", NAMES)
def test_the_page_is_right(name):
    quiet()
    found = verdict(name)
    assert said()[name] == ((found.path or "refused") if found.made else "")
