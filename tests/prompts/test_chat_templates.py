"""Base models without a chat template, and system prompts."""

import pytest
from tokenizers import processors
from transformers import AutoTokenizer

from p2o.errors import InputError
from p2o.policy.loading import load_renderer
from p2o.prompts.chat_templates import check_texts, keep_prompts, plain, take_template
from p2o.prompts.renderer import PromptRenderer
from tiny_policy import build_tokenizer


@pytest.fixture
def own():
    return build_tokenizer()  # a tokenizer that the test may change


def rendered(tokenizer, switches, text="1+1?", template=""):
    renderer = PromptRenderer(tokenizer, "Q: ", take_template(tokenizer, switches))
    return tokenizer.decode(renderer.question(text, template))


def test_a_base_model_is_asked_in_plain_text(own):
    own.chat_template = None
    with pytest.raises(InputError, match="chat_template: plain"):
        PromptRenderer(own)
    assert rendered(own, {"chat_template": "plain"}) == "Q: 1+1?\n"
    assert rendered(own, {"chat_template": "plain"}, template="Go slowly.") == "Go slowly.\n\nQ: 1+1?\n"


def test_examples_stand_in_the_instruction(own):
    switches = take_template(own, {"chat_template": "plain"})
    renderer = PromptRenderer(own, "Q: 2+2?\nA: 4\n\nQ: ", switches)
    assert own.decode(renderer.question("1+1?")) == "Q: 2+2?\nA: 4\n\nQ: 1+1?\n"


def test_a_plain_text_begins_as_the_tokenizer_begins_one(own):
    assert plain(own).startswith('{{ "" }}')
    own.bos_token = own.eos_token
    pair = (own.eos_token, own.eos_token_id)
    own.backend_tokenizer.post_processor = processors.TemplateProcessing(f"{pair[0]} $0", special_tokens=[pair])
    assert plain(own).startswith('{{ "' + own.eos_token)


def test_a_system_prompt_stands_before_the_question(own):
    bare = rendered(own, None)
    system = rendered(own, {"system_prompt": 'Say "42".\nAlways.'})
    assert system.endswith(bare) and 'Say "42".\nAlways.' in system.removesuffix(bare)


def test_other_switches_go_to_the_template(own):
    assert take_template(own, {"enable_thinking": False, "system_prompt": "Hi"}) == {"enable_thinking": False}
    own.chat_template = "{{ messages[-1]['content'] }}{{ extra }}"
    assert rendered(own, {"extra": "!"}) == "Q: 1+1?!"
    assert rendered(own, {"chat_template": "{{ messages[0]['content'] }}?"}) == "Q: 1+1??"


def test_a_system_prompt_of_any_characters_is_kept(own):
    assert "Ümläut 😀 \\n" in rendered(own, {"system_prompt": "Ümläut 😀 \\n"})


@pytest.mark.parametrize(
    "switches",
    [
        {"chat_template": "plain"},
        {"system_prompt": "Say \"42\".\n😀"},
        {"chat_template": "{{ messages[0]['content'] }}{% if think %}<t>{% endif %}{{ names }}", "think": True,
         "names": ["a", None, 1.5]},
    ],
)  # fmt: skip
def test_a_saved_tokenizer_renders_the_prompts_of_the_run(own, switches, tmp_path):
    other = build_tokenizer()
    expected = PromptRenderer(other, "Q: 2+2?\nA: 4\nQ: ", take_template(other, switches))
    keep_prompts(own, switches)
    own.save_pretrained(tmp_path)
    saved = AutoTokenizer.from_pretrained(tmp_path)
    messages = [{"role": "user", "content": "Q: 2+2?\nA: 4\nQ: 1+1?"}]
    ids = saved.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
    assert tuple(ids) == expected.question("1+1?")


# As Llama 3.2 writes the day, in SmolLM3's and gpt-oss's ways.
DATED = [
    (
        "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
        '{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "never" %}{%- endif %}'
        "{%- endif %}Today Date: {{ date_string }}\n{{ messages[-1]['content'] }}",
        "Today Date: 26 Jul 2024\nQ: 1+1?",
    ),
    (
        "{%- set today = strftime_now( '%d %B %Y' ) -%}Today Date: {{ today }}\n{{ messages[-1]['content'] }}",
        "Today Date: 26 July 2024\nQ: 1+1?",
    ),
    (
        '{%- macro system() %}{{ "Current date: " + strftime_now("%Y-%m-%d") + "\n" }}{% endmacro %}'
        "{{ system() }}{{ messages[-1]['content'] }}",
        "Current date: 2024-07-26\nQ: 1+1?",
    ),
]


@pytest.mark.parametrize(("template", "expected"), DATED, ids=["Llama", "SmolLM3", "gpt-oss"])
def test_a_template_that_writes_the_day_asks_the_same_on_every_day(own, template, expected):
    other = build_tokenizer()
    assert rendered(own, {"chat_template": template}) == expected
    keep_prompts(other, {"chat_template": template})
    messages = [{"role": "user", "content": "Q: 1+1?"}]
    assert other.apply_chat_template(messages, tokenize=False) == expected


def test_the_day_is_the_user_s_where_the_template_asks_for_it(own):
    switches = {"chat_template": DATED[0][0], "date_string": "1 Jan 2030"}
    assert rendered(own, switches) == "Today Date: 1 Jan 2030\nQ: 1+1?"


def test_the_day_stands_still_in_each_of_several_templates(own):
    own.chat_template = {"default": DATED[1][0], "tool_use": DATED[2][0]}
    assert rendered(own, None) == DATED[1][1]
    assert "strftime_now" not in own.chat_template["tool_use"]


def test_a_template_whose_day_cannot_be_pinned_is_refused(own):
    template = "{% set form = '%d' %}{{ strftime_now(form) }}{{ messages[-1]['content'] }}"
    with pytest.raises(InputError, match=r"strftime_now\(form\).*chat_template_kwargs"):
        take_template(own, {"chat_template": template})


QUESTION = "{{ messages[-1]['content'] }}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{# once strftime_now(form) #}" + QUESTION, "Q: 1+1?"),
        ("{% raw %}strftime_now(form) {% endraw %}" + QUESTION, "strftime_now(form) Q: 1+1?"),
        ('{{ strftime_now("it\'s %Y: ") }}' + QUESTION, "it's 2024: Q: 1+1?"),
        ("{{ strftime_now('it\\'s \"%Y\": ') }}" + QUESTION, 'it\'s "2024": Q: 1+1?'),
    ],
    ids=["comment", "text", "other quotes", "escaped quotes"],
)
def test_what_asks_for_no_day_or_asks_with_quotes_is_taken(own, template, expected):
    assert rendered(own, {"chat_template": template}) == expected


def test_a_comment_that_stands_in_a_text_hides_no_day(own):
    with pytest.raises(InputError, match=r"strftime_now\(form\)"):
        take_template(own, {"chat_template": "{{ '{#' }}{{ strftime_now(form) }}{{ '#}' }}" + QUESTION})


def test_of_several_templates_the_one_that_is_used_counts(own):
    unread = "{{ strftime_now(form) }}"
    own.chat_template = {"default": DATED[1][0], "tool_use": unread}
    assert rendered(own, None) == DATED[1][1] and own.chat_template["tool_use"] == unread
    own.chat_template = {"default": unread, "tool_use": DATED[1][0]}
    with pytest.raises(InputError, match=r"strftime_now\(form\)"):
        take_template(own, None)


def test_a_kept_switch_is_a_default(own):
    own.chat_template = "{{ messages[0]['content'] }}{{ extra }}"
    keep_prompts(own, {"extra": False})
    messages = [{"role": "user", "content": "x"}]
    assert own.apply_chat_template(messages, tokenize=False) == "xFalse"
    assert own.apply_chat_template(messages, tokenize=False, extra="!") == "x!"


@pytest.mark.parametrize("name", ["system_prompt", "chat_template"])
@pytest.mark.parametrize("value", [{"You are a tutor. Format": "steps"}, True, 7, None, ["Hi"]])
def test_what_is_no_text_is_refused(name, value):
    with pytest.raises(InputError, match=rf"model\.chat_template_kwargs\.{name}: expected a text, got .*quotation"):
        load_renderer("p2o/micro-policy", "", {"enable_thinking": False, name: value})


def test_texts_and_other_switches_are_no_mistake():
    check_texts(None)
    check_texts({"system_prompt": "Yes", "chat_template": "", "enable_thinking": False})
