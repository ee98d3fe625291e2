"""What the log says of single steps."""

from collections.abc import Mapping, Sequence

from p2o.run_folder.question_record import QuestionRecord

CAUSES = {"all wrong": "all_wrong", "all right": "all_right", "equal rewards": "equal"}
POINTS = 200  # of a curve, at most: more are not seen, and make a large page


def zero_variance_shares(values: Mapping[str, float], suffix: str) -> dict[str, float]:
    """Shares of the groups without variance by cause, whatever their context; empty if they are not logged.

    Args:
        values: Logged values by name.
        suffix: "_step" for one step, "_epoch" for the mean of an epoch.
    """
    found: dict[str, float] = {}
    for cause, name in CAUSES.items():
        parts = [
            value
            for key, value in values.items()
            if key.startswith(f"frac_reward_zero_std/{name}_") and key.endswith(suffix)
        ]
        if parts:
            found[cause] = sum(parts)
    return found


def one_sided_shares(records: Sequence[QuestionRecord]) -> dict[str, float]:
    """Shares of the questions of an epoch whose rollouts are all wrong or all right; empty if there are none.

    With rewards of 0 and 1 these are the groups without variance.
    """
    if not records:
        return {}
    wrong = sum(record.correct == 0 for record in records)
    right = sum(record.correct == len(record.outcomes) for record in records)
    return {"all wrong": wrong / len(records), "all right": right / len(records)}


def thinned(steps: Mapping[int, Mapping[str, float]]) -> dict[int, dict[str, float]]:
    """Means of neighbouring steps, so that at most some hundred points are left; each under its first step."""
    numbers = sorted(steps)
    size = -(-len(numbers) // POINTS) or 1
    return {numbers[i]: _means([steps[n] for n in numbers[i : i + size]]) for i in range(0, len(numbers), size)}


def _means(rows: list[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row[name] for row in rows if name in row] for name in names}
    return {name: sum(column) / len(column) for name, column in columns.items()}
