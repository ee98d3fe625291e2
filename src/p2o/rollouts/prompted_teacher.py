"""A teacher for the quickstart: the policy as it was before training, under a good instruction."""

from collections.abc import Sequence

from p2o.engines.base import SamplingParams
from p2o.errors import InputError
from p2o.rollouts.step import RolloutStep
from p2o.rollouts.teacher import Teacher
from p2o.types import Completion, Prompt, Question


class PromptedTeacher(Teacher):
    """A stand-in for a stronger model: the initial policy with a template before each question.

    Args:
        template: The template.
        temperature: Of sampling.
    """

    def __init__(self, template: str, temperature: float = 0.6) -> None:
        if temperature < 0:
            raise InputError(f"PromptedTeacher needs temperature >= 0, got {temperature}.")
        self.template = template
        self.temperature = temperature

    def complete(self, asks: Sequence[tuple[Question, int]], step: RolloutStep) -> list[Completion]:
        """One completion for each question and seed, in one engine call."""
        prompts = [Prompt(step.worker.renderer.question(question.text, self.template), seed) for question, seed in asks]
        sampling = SamplingParams(self.temperature, step.sampling.max_completion_length)
        with step.initial_policy() as policy:
            return step.worker.engine.generate(policy, prompts, sampling, "teacher")
