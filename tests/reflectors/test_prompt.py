import pytest

from p2o.errors import InputError
from p2o.reflectors.base import Example, ReflectionJob
from p2o.reflectors.prompt import GEPA_PROMPT, check_prompt, reflection_prompt


def test_placeholders_in_the_material_stay_text():
    job = ReflectionJob("a <side_info> {x}", (Example("<curr_param>?", "%s {0}", "wrong \\1"),))
    text = reflection_prompt(job, "T: <curr_param>\nE: <side_info>")
    assert text.startswith("T: a <side_info> {x}\nE: # Example 1\n## Inputs\n<curr_param>?\n")
    assert "## Generated Outputs\n%s {0}\n" in text
    assert text.endswith("## Feedback\nwrong \\1\n")


def test_examples_are_numbered():
    text = reflection_prompt(ReflectionJob("", (Example("q1", "a1", "f1"), Example("q2", "a2", "f2"))))
    assert text.index("# Example 1") < text.index("q1") < text.index("# Example 2") < text.index("f2")
    assert text.endswith("Provide the new instructions within ``` blocks.")


@pytest.mark.parametrize("prompt", ["<curr_param>", "<side_info>", GEPA_PROMPT + "<side_info>"])
def test_a_prompt_needs_each_placeholder_once(prompt):
    assert check_prompt(GEPA_PROMPT) == GEPA_PROMPT
    with pytest.raises(InputError, match="exactly once"):
        check_prompt(prompt)
