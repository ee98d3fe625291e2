"""From a template bank to the K templates of a question (Algorithm 2)."""

import random

from p2o.prompts.templates import TemplateBank


def assign(
    bank: TemplateBank, question_id: str, count: int, rng: random.Random, same_in_group: bool = False
) -> tuple[str, ...]:
    """`count` templates for a hard question, drawn from the bank by weight, with replacement.

    A dev question that some template of the bank solves draws only from those that do.

    Args:
        bank: Where to draw from; an empty one gives `count` times "".
        question_id: The hard question.
        count: K.
        rng: The only source of chance.
        same_in_group: Draw once and repeat it (the paper's ablation).
    """
    if not bank.templates:
        return ("",) * count
    choice = [bank.templates[index] for index in bank.solvers.get(question_id, range(len(bank)))]
    weights = [template.score for template in choice]
    if not any(weights):  # `choices` refuses a total of 0
        weights = [1.0] * len(choice)
    drawn = rng.choices([template.text for template in choice], weights, k=1 if same_in_group else count)
    return tuple(drawn * count) if same_in_group else tuple(drawn)
