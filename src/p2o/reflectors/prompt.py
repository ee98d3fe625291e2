"""The reflection prompt.

The wording of `GEPA_PROMPT` is the default instruction-proposal prompt of GEPA (github.com/gepa-ai/gepa,
src/gepa/strategies/instruction_proposal.py), Copyright (c) 2025 Lakshya A Agrawal and the GEPA contributors, used under
the MIT licence, whose full text is in NOTICE.
"""

import re
from collections.abc import Sequence

from p2o.errors import InputError
from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.crossover import crossover_prompt

GEPA_PROMPT = """I provided an assistant with the following instructions to perform a task for me:
```
<curr_param>
```

The following are examples of different task inputs provided to the assistant along with the assistant's response for \
each of them, and some feedback on how the assistant's response could be better:
```
<side_info>
```

Your task is to write a new instruction for the assistant.

Read the inputs carefully and identify the input format and infer detailed task description about the task I wish to \
solve with the assistant.

Read all the assistant responses and the corresponding feedback. Identify all niche and domain specific factual \
information about the task and include it in the instruction, as a lot of it may not be available to the assistant in \
the future. The assistant may have utilized a generalizable strategy to solve the task, if so, include that in the \
instruction as well.

Provide the new instructions within ``` blocks."""

PLACEHOLDERS = ("<curr_param>", "<side_info>")


def check_prompt(prompt: str) -> str:
    """The prompt, if it has each placeholder exactly once.

    Raises:
        InputError: A placeholder is missing or stands twice.
    """
    for placeholder in PLACEHOLDERS:
        if (found := prompt.count(placeholder)) != 1:
            raise InputError(f"A reflection prompt needs {placeholder} exactly once, this one has it {found} times.")
    return prompt


def render_examples(examples: Sequence[Example]) -> str:
    """Examples as markdown: a heading each, then inputs, generated outputs and feedback."""
    return "\n\n".join(
        f"# Example {number}\n## Inputs\n{example.inputs.strip()}\n\n"
        f"## Generated Outputs\n{example.outputs.strip()}\n\n## Feedback\n{example.feedback.strip()}\n"
        for number, example in enumerate(examples, 1)
    )


def reflection_prompt(job: ReflectionJob, prompt: str = GEPA_PROMPT) -> str:
    """The user message that asks for a better template, or, if the job has a partner, for one out of both.

    Both placeholders are filled in one pass: a question that spells a placeholder stays a question.
    """
    if job.partner is not None:
        return crossover_prompt(job, job.partner)
    values = {"<curr_param>": job.template, "<side_info>": render_examples(job.examples)}
    return re.sub("|".join(PLACEHOLDERS), lambda match: values[match.group()], prompt)
