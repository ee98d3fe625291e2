"""Small records for tests."""

from p2o.types import Completion, Grade, Outcome, Question, Rollout


def question(number: int, difficulty: str = "all") -> Question:
    return Question(id=f"q{number}", text=f"What is {number}+1?", answer=str(number + 1), difficulty=difficulty)


def rollout(correct: bool, template: str = "", number: int = 0, reward: float | None = None) -> Rollout:
    outcome = Outcome.CORRECT if correct else Outcome.WRONG
    grade = Grade(float(correct) if reward is None else reward, outcome, "1")
    return Rollout(question(number), template, (1, 2), Completion((3, 4), False), "\\boxed{1}", grade)
