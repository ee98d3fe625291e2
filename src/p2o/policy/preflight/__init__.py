"""What can be known to fail is refused before anything is spent.

`p2o fit` is ended by the first problem, `p2o plan` lists them.
"""

from p2o.policy.preflight.questions import (
    check_prompts,
    check_questions,
    prompt_length,
    question_problems,
    templated_problems,
)
from p2o.policy.preflight.rounding import rounding_problems
from p2o.policy.preflight.run import average_problems, check_monitors, check_run, trainer_problems
from p2o.policy.preflight.sizes import check_lengths, check_sizes, length_problems
from p2o.policy.preflight.templates import guide_problems, selection_problems, template_problems

__all__ = [
    "average_problems",
    "check_lengths",
    "check_monitors",
    "check_prompts",
    "check_questions",
    "check_run",
    "check_sizes",
    "guide_problems",
    "length_problems",
    "prompt_length",
    "question_problems",
    "rounding_problems",
    "selection_problems",
    "template_problems",
    "templated_problems",
    "trainer_problems",
]
