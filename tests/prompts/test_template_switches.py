"""Switches of `model.chat_template_kwargs` that would change no prompt are refused."""

import pytest

from p2o.errors import InputError
from p2o.policy.loading import load_renderer
from p2o.prompts.template_switches import check_switches, switches_of
from tiny_policy import CHAT_TEMPLATE, build_tokenizer


@pytest.fixture
def folder(tmp_path):
    build_tokenizer().save_pretrained(tmp_path)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"system_promt": "Hi"}, r"\.system_promt: expected a switch .* names, .*Did you mean system_prompt\?"),
        ({"enable_thinkng": False}, r"Did you mean enable_thinking\? The template names enable_thinking;"),
        ({"extra": 1}, r"would change nothing\. The template names"),
        ({"messages": []}, r"\.messages: expected a switch"),
        ({True: 1}, r"\.True: expected a switch"),
        ({"enable_thinking": False, "chat_template": "plain"}, r"The template names none;"),
        ({"enable_thinking": "false"}, r"\.enable_thinking: expected false, got the text 'false'.*without quotation"),
        ({"enable_thinking": "True"}, r"expected true, got the text 'True'"),
    ],
)
def test_a_switch_that_does_nothing_is_refused(folder, switches, message):
    with pytest.raises(InputError, match=r"model\.chat_template_kwargs" + ".*" + message):
        load_renderer(folder, "", switches)


def test_a_switch_of_the_template_is_taken(folder):
    bare = load_renderer(folder, "", None).question("1+1?")
    assert load_renderer(folder, "", {"enable_thinking": True}).question("1+1?") == bare
    assert load_renderer(folder, "", {"enable_thinking": False, "system_prompt": "Hi"}).question("1+1?") != bare


def test_of_several_templates_the_default_one_names_the_switches():
    own = build_tokenizer()
    own.chat_template = {"default": CHAT_TEMPLATE, "tool_use": "{{ tone }}"}
    check_switches(own, {"enable_thinking": False})
    with pytest.raises(InputError, match="tone"):
        check_switches(own, {"tone": "dry"})


@pytest.mark.parametrize(
    ("template", "names"),
    [
        ("{% set a = b %}{{ a }}{{ messages }}", ["b"]),
        ("{% if not day is defined %}{% set day = strftime_now('%d') %}{% endif %}{{ day }}", ["day"]),
        ("{% set n = namespace(i=0) %}{% macro f(x) %}{{ x + effort }}{% endmacro %}{{ f(n.i) }}", ["effort"]),
        ("{% for m in messages %}{% if skip %}{% continue %}{% endif %}{% generation %}{{ m[tail] }}"
         "{% endgeneration %}{% endfor %}{{ bos_token }}", ["bos_token", "skip", "tail"]),
        ("{{ raise_exception('no') if tools|default([]) else '' }}{{ add_generation_prompt }}", ["tools"]),
    ],
    ids=["set", "default", "macro", "blocks of transformers", "functions of transformers"],
)  # fmt: skip
def test_switches_are_the_names_from_outside(template, names):
    assert switches_of(template) == names
