"""Lucky hits: dev questions that one template alone solves, by one completion that another draw may not repeat.

On hard questions a large part of what a bank covers is of that kind: a question that any template solves in a few of a
hundred draws is solved by one of thirty templates, and is then given to that one.
"""

from collections.abc import Mapping, Sequence

from p2o.evolution.history import Candidate
from p2o.prompts.set_cover import solves


def known_scores(candidate: Candidate, screen_ids: Sequence[str]) -> dict[str, float]:
    """Its score on every dev question that it was asked, by id."""
    return dict(zip(screen_ids, candidate.dev_scores, strict=True)) | candidate.cover_scores


def single_solvers(pool: Sequence[Candidate], screen_ids: Sequence[str]) -> dict[str, int]:
    """For each dev question that exactly one template of the pool solves, that template's index."""
    solvers: dict[str, list[int]] = {}
    for index, candidate in enumerate(pool):
        for id, score in known_scores(candidate, screen_ids).items():
            if solves(score):
                solvers.setdefault(id, []).append(index)
    return {id: indices[0] for id, indices in solvers.items() if len(indices) == 1}


def without_lucky_hits(scores: Mapping[str, float], confirmed: Mapping[str, float]) -> dict[str, float]:
    """The scores with 0 where a second draw did not solve the question again."""
    return {id: 0.0 if id in confirmed and not solves(confirmed[id]) else score for id, score in scores.items()}
