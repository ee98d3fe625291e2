from dataclasses import replace

from p2o.reflectors.base import Example, Partner, ReflectionJob
from p2o.reflectors.prompt import GEPA_PROMPT, reflection_prompt

PARTNER = Partner("Second way.", ("task C",), ("task A", "<curr_param> task B"))
JOB = ReflectionJob("First way.", (Example("seen", "tried", "wrong"),), seed=3, partner=PARTNER)


def test_both_parents_and_what_each_solves_alone_are_shown_once():
    prompt = reflection_prompt(JOB, "Custom <curr_param> <side_info>")
    first, second = prompt.index("First way."), prompt.index("Second way.")
    assert first < prompt.index("# Task 1\ntask A") < prompt.index("# Task 2\n<curr_param> task B") < second
    assert second < prompt.index("# Task 1\ntask C")
    assert "seen" not in prompt and "Custom" not in prompt
    assert prompt.count("```") == 5  # a fence around each parent, and one to ask for


def test_a_job_without_a_partner_is_asked_as_ever():
    assert reflection_prompt(replace(JOB, partner=None)).startswith(GEPA_PROMPT[:40])


def test_jobs_with_other_partners_are_kept_under_other_keys():
    keys = {JOB.key, replace(JOB, partner=None).key, replace(JOB, partner=replace(PARTNER, solves=("task D",))).key}
    assert len(keys) == 3
