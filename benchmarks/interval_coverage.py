"""How often the interval of `p2o compare` holds the truth: `python benchmarks/interval_coverage.py [--draws 2000]`.

Draws differences between two methods that are zero in truth, [S, Q]: an effect of each seed, one of each question, and
noise of every answer, normal all of them; in the last world a seed either gains or loses the same, as where some seeds
find a family of questions and others do not. Beside `paired_interval` the interval that p2o had before, a bootstrap
that draws seeds and questions anew, each apart from the other (Owen, 2007, arXiv 0712.1111). A 95 % interval should
hold the truth in 95 % of the draws, and be no wider than that takes.
"""

import argparse

import torch
from tabulate import tabulate
from torch import Tensor

from p2o.commands.study.interval import paired_interval

# Name of the world, standard deviations of seeds and of questions, whether seeds take one of two values.
WORLDS = (
    ("seeds differ most", 0.15, 0.1, False),
    ("both differ", 0.05, 0.2, False),
    ("questions differ most", 0.01, 0.2, False),
    ("nothing but noise", 0.0, 0.0, False),
    ("half the seeds gain", 0.15, 0.1, True),
)
NOISE = 0.4  # of an answer: that of one in five that differ
RESAMPLES = 1000


def bootstrap(values: Tensor, generator: torch.Generator) -> tuple[float, float]:
    """Percentiles of the mean of [S, Q] over draws of its rows and columns."""

    def counts(size: int) -> Tensor:
        draws = torch.randint(size, (RESAMPLES, size), generator=generator)
        ones = torch.ones_like(draws, dtype=torch.float64)
        return torch.zeros(RESAMPLES, size, dtype=torch.float64).scatter_add_(1, draws, ones)

    seeds, questions = values.shape
    means = ((counts(seeds) @ values) * counts(questions)).sum(dim=1) / values.numel()  # [R]
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def draw(shape: tuple[int, int], of_seeds: float, of_questions: float, two: bool, generator: torch.Generator) -> Tensor:
    """Differences [S, Q] whose mean is zero in truth."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    seeds, questions = shape
    effect = normal(seeds, 1)
    effect = effect.sign() if two else effect
    return of_seeds * effect + of_questions * normal(1, questions) + NOISE * normal(seeds, questions)


def figures(found: list[tuple[float, float]]) -> list[str]:
    """How often the intervals hold zero, and how wide they are in the mean."""
    held = sum(low <= 0 <= high for low, high in found) / len(found)
    return [f"{100 * held:.1f} %", f"{sum(high - low for low, high in found) / len(found):.3f}"]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--questions", type=int, default=100)
    options = parser.parse_args()
    rows = []
    for seeds in options.seeds:
        for name, of_seeds, of_questions, two in WORLDS:
            generator = torch.Generator().manual_seed(0)
            values = [
                draw((seeds, options.questions), of_seeds, of_questions, two, generator) for _ in range(options.draws)
            ]
            now = [paired_interval(one)[1:] for one in values]
            before = [bootstrap(one, generator) for one in values]
            rows.append([seeds, name, *figures(now), *figures(before)])
    print(tabulate(rows, ["seeds", "world", "holds", "width", "bootstrap holds", "width"], tablefmt="github"))


if __name__ == "__main__":
    main()
