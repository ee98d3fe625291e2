"""The prompt that asks for one template out of two, after the idea of gepa-ai/gepa#252 and #389."""

from collections.abc import Sequence

from p2o.reflectors.base import Partner, ReflectionJob


def crossover_prompt(job: ReflectionJob, partner: Partner) -> str:
    """The user message that asks for a template which does what both parents do.

    Pieces are joined and never searched for placeholders: whatever a question spells stays a question. The examples of
    the job are left out: a crossover is told what works, not what failed.
    """
    return "\n\n".join(
        [
            "Two instructions were given to an assistant, each for the same kind of task. Each of them leads to "
            "correct answers where the other one fails.",
            f"The first instruction:\n```\n{job.template}\n```",
            f"Tasks that are solved with the first instruction alone:\n{_list(partner.other_solves)}",
            f"The second instruction:\n```\n{partner.template}\n```",
            f"Tasks that are solved with the second instruction alone:\n{_list(partner.solves)}",
            "Find out what each instruction contributes to the tasks that it solves. Then write one new instruction "
            "which keeps the useful part of both and leaves out what they say twice. Do not repeat the tasks or their "
            "answers in it, since it will be used for other tasks.",
            "Give the new instruction within ``` blocks.",
        ]
    )


def _list(questions: Sequence[str]) -> str:
    return "\n\n".join(f"# Task {number}\n{question.strip()}" for number, question in enumerate(questions, 1))
