"""The figures of an evolution's report, as they are logged."""

from typing import Any

_OF_SEARCH = ("spent", "pool", "bank", "best_dev_score", "seed_dev_score")
_OF_REFLECTION = ("distinct_share", "similarity")


def metrics(report: dict[str, Any]) -> dict[str, float]:
    """By name; what there is no figure of is left out."""
    found = {f"evolution/{name}": report[name] for name in _OF_SEARCH}
    found |= {f"reflection/{name}": report[name] for name in _OF_REFLECTION}
    found |= {f"reflection/refused/{_name(cause)}": count for cause, count in report["refusals"].items()}
    for usage in report["reflection"].values():
        found |= {f"reflection/{name}": value for name, value in usage.items() if name != "failures"}
        found |= {f"reflection/failed/{_name(cause)}": count for cause, count in usage["failures"].items()}
    return {name: float(value) for name, value in found.items() if value is not None}


def _name(cause: str) -> str:
    return cause.replace(": ", "/").replace(" ", "_")
