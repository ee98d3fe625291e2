"""Prints the oldest versions that pyproject.toml allows, as exact pins for pip.

python tools/minimum_requirements.py pyproject.toml > constraints.txt

Runtime dependencies and the extras that users install are pinned; what only developers run stays as new as it is.
"""

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("hub", "report", "lora")  # vllm has an environment of its own
PINNED = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,]+\])?\s*(?:>=|==)\s*(?P<version>[\w.]+)")


def minimums(project: dict) -> list[str]:
    """`name==version` for each requirement, without its extras, since constraints may not name them.

    Raises:
        ValueError: A requirement has no lower bound.
    """
    lines = [*project["dependencies"], *(line for name in EXTRAS for line in project["optional-dependencies"][name])]
    found = {line: PINNED.match(line) for line in lines}
    if loose := [line for line, match in found.items() if match is None]:
        raise ValueError(f"expected a lower bound for each requirement, there is none in {', '.join(loose)}")
    return [f"{match['name']}=={match['version']}" for match in found.values()]


if __name__ == "__main__":
    print("\n".join(minimums(tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))["project"])))
