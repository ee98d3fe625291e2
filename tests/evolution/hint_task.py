"""A task without a model: a question is solved iff its hint is among the last lines of the template."""

from dataclasses import dataclass, field

from p2o.reflectors.base import Example, Proposal, ReflectionJob
from p2o.seeds import derive_seed
from p2o.types import Completion, Grade, Outcome, Question, Rollout


def questions(prefix: str, count: int, topics: int) -> list[Question]:
    """Questions whose topics repeat, so that a hint learned on train helps on dev."""
    return [Question(f"{prefix}{number}", text=f"topic{number % topics}", answer="42") for number in range(count)]


def rollout(question: Question, template: str, reward: float) -> Rollout:
    grade = Grade(reward, Outcome.CORRECT if reward >= 1 else Outcome.WRONG)
    return Rollout(question, template, (), Completion((), truncated=False), f"reward {reward}", grade)


def to_example(rollout: Rollout) -> Example:
    return Example(rollout.question.text, rollout.text, "right" if rollout.correct else "wrong")


@dataclass
class HintPolicy:
    """Reads the last `memory` lines of a template only; without the hint it is right in `luck` of 100 cases."""

    memory: int = 4
    completions: int = 1
    luck: int = 0
    calls: list[tuple[str, int]] = field(default_factory=list)  # title, rollouts

    def __call__(self, pairs, title):
        self.calls.append((title, len(pairs) * self.completions))
        return [
            tuple(rollout(question, text, self.reward(question, text, k)) for k in range(self.completions))
            for question, text in pairs
        ]

    def reward(self, question: Question, text: str, k: int = 0) -> float:
        lucky = derive_seed(0, question.id, text, k) % 100 < self.luck
        return float(lucky or question.text in text.splitlines()[-self.memory :])

    @property
    def rollouts(self) -> int:
        return sum(rollouts for _, rollouts in self.calls)


@dataclass
class HintReflector:
    """Adds the hints of the failed examples, or does what real reflectors do in `moods` of ten cases each."""

    useless: int = 0  # a line that helps nobody
    refuses: int = 0
    repeats: int = 0  # the parent itself
    babbles: int = 0  # always the same text
    jobs: list[ReflectionJob] = field(default_factory=list)

    def __call__(self, jobs):
        self.jobs.extend(jobs)
        return [self.propose(job.template, [(x.inputs, x.feedback == "right") for x in job.examples]) for job in jobs]

    def propose(self, template: str, examples: list[tuple[str, bool]]) -> Proposal:
        mood = derive_seed(0, template, repr(examples)) % 10
        for kind, count in self.others(template, repr(examples)):
            if mood < count:
                return kind
            mood -= count
        hints = [text for text, right in examples if not right]
        return Proposal("\n".join([*template.splitlines(), *dict.fromkeys(hints)]))

    def others(self, template: str, examples: str) -> list[tuple[Proposal, int]]:
        return [
            (Proposal(f"{template}\nnever mind {derive_seed(0, examples)}"), self.useless),
            (Proposal("", rejection="no fence"), self.refuses),
            (Proposal(f" {template}\n"), self.repeats),
            (Proposal("Think!"), self.babbles),
        ]
