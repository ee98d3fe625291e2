import time

import pytest

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Proposal
from p2o.reflectors.parsing import check_length, closed, parse_reply

FENCE = "`" * 3
FINAL = "<|start|>assistant<|channel|>final<|message|>"


@pytest.mark.parametrize(
    ("reply", "template"),
    [
        ("```\nGo step by step.\n```", "Go step by step."),
        ("Here it is:\n\n```\nGo step by step.\n```\nI hope it helps.", "Go step by step."),
        ("```markdown\nGo.\n```", "Go."),
        ("``` text \nGo.\n```", "Go."),
        ("```\nmarkdown\nGo.\n```", "markdown\nGo."),  # a word of the template, not a tag
        ("```Go step by step.\nTwice.\n```", "Go step by step.\nTwice."),  # not alone, so no tag
        ("```Go step by step.```", "Go step by step."),
        ("```Go```", "Go"),
        ("```\nGo step by step.```", "Go step by step."),
        ("```\r\nGo.\r\n```\r\n", "Go."),
        ("  ```\n  Go.\n  ```  ", "Go."),
        ("```\nWrite\n```python\nx\n```\nand stop.\n```", "Write\n```python\nx\n```\nand stop."),
        ("````\nWrite\n```\nx\n```\n````\nThat is all.\n```\nnot this\n```", "Write\n```\nx\n```"),
        ("```\nWrite\n``````", "Write"),  # a longer fence closes too
        ("```\nUse `x` and ``y``.\n\nThen {z} \\boxed{} %s.\n```", "Use `x` and ``y``.\n\nThen {z} \\boxed{} %s."),
        ("```\n先思考。\n```", "先思考。"),
        ("<think>First ```\nno\n``` then</think>\n```\nGo.\n```", "Go."),
        ("thought that the chat template opened</think>\n```\nGo.\n```", "Go."),
        ("<think>a</think><think>b</think>\n```\nGo.\n```", "Go."),
        ("The old one:\n```\nOld.\n```\nThe new one:\n```\nNew.\n```", "New."),
        ("```\nA\n```\n```\nB\n```\n```markdown\nC\n```\nDone.", "C"),
        ("```plain text\nGo.\n```", "Go."),
        ("[THINK]```\nno\n```[/THINK]```\nGo.\n```", "Go."),
        ("<thinking>\n```\nno\n```\n</thinking>\n```\nGo.\n```", "Go."),
        ("◁think▷```\nno\n```◁/think▷\n```\nGo.\n```", "Go."),
        (
            "<|channel|>analysis<|message|>```\nno\n```<|end|><|start|>assistant<|channel|>final<|message|>```\nGo.\n```",
            "Go.",
        ),
        ("```\nThink within <think> and </think>.\n```", "Think within <think> and </think>."),
        ("<think>x</think>\n```\nStart with <think>.\n```", "Start with <think>."),
        ("```\nNever write </think>.\n```", "Never write </think>."),
    ],
)
def test_template(reply, template):
    assert parse_reply(reply) == Proposal(template, reply=reply)


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (None, "empty"),
        ("", "empty"),
        (" \n ", "empty"),
        ("<think>done</think>\n", "empty"),
        ("``` \n \n```", "empty"),
        ("```\n```", "empty"),
        ("Go step by step.", "no fence"),
        ("`Go` and ``go``", "no fence"),
        ("Write it within ``` marks.", "no fence"),
        ("<think>I could say\n```\nno\n```", "unfinished thought"),
        ("<think>", "unfinished thought"),
        ("<think>a</think> <think>b", "unfinished thought"),
        ("```\nGo step by st", "unfinished fence"),
        ("```", "unfinished fence"),
        ("```markdown", "unfinished fence"),
        ("````\nWrite\n```\nx\n```\nand", "unfinished fence"),
        ("Here:\n```\nUse ```x``` as", "unfinished fence"),
        ("Old:\n```\nOld.\n```\nNew:\n```\nNew and", "unfinished fence"),
        ("```\n\u200b\n```", "empty"),
        ("\u200b\ufeff", "empty"),
        ("[THINK]```\nno\n```", "unfinished thought"),
        ("<thinking>```\nno\n```", "unfinished thought"),
        ("◁think▷```\nno\n```", "unfinished thought"),
        ("<|channel|>analysis<|message|>```\nno\n```", "unfinished thought"),
        ("```\nno\n``` was a draft</think>", "empty"),
    ],
)
def test_refusal(reply, cause):
    assert parse_reply(reply) == Proposal("", rejection=cause, reply=reply or "")


@pytest.mark.parametrize(
    "piece", ["`", "```", "```\n", "```x\n", "<think>", "</think>", "\n", " ", "x", "` ", "```a```\n", "x`\n"]
)
def test_linear_time_on_100_kb(piece):
    text = (piece * (100_000 // len(piece) + 1))[:100_000]
    start = time.process_time()
    for reply in (text, "```\n" + text, "```\n" + text + "\n```", "````\n" + text):
        parse_reply(reply)
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize("piece", ["x</think>\n", "```a```\nx</think>\n", "```\n</think>\n```\n"])
def test_400_kb_of_marks_among_lines_and_fences_in_a_second(piece):
    text = piece * (400_000 // len(piece))
    start = time.process_time()
    parse_reply(text)
    assert time.process_time() - start < 1.0


def test_100_kb_pass_unharmed():
    text = ("x" * 99 + "\n") * 1000
    assert parse_reply(f"```\n{text}```").template == text.strip()


def test_a_template_of_too_many_tokens_is_rejected(tokenizer):
    renderer = PromptRenderer(tokenizer)
    fine = Proposal("Go on.", reply="r")
    assert check_length(fine, renderer, 6) == fine
    assert check_length(fine, renderer, 5) == Proposal("", "too long", "r")
    rejected = parse_reply("")
    assert check_length(rejected, renderer, 99) == rejected


@pytest.mark.parametrize(
    ("content", "template"),
    [
        ("Write it down. Then che", "Write it down."),
        ("Write it down.", "Write it down."),
        ('Say "yes!" Then', 'Say "yes!"'),
        ("- Write it down\n- Check it\n- En", "- Write it down\n- Check it"),
        ("Write it down.\n2. Che", "Write it down."),  # the number of a point ends nothing
        ("Write, e.g. the sum. Give 3.5 or 3.", "Write, e.g. the sum."),  # 3.5 may have been meant again
        ("Write it down. Do:\n", "Write it down."),  # what it introduces is cut off
        ("Write it down.\n\n## Then\nche", "Write it down."),
        ("先思考。再", "先思考。"),
        ("Wait... and", None),
        ("Write it do", None),
        ("1. Write it do", None),
        ("Do this:\n1. Wri", None),
        ("\n\n", None),
        ("", None),
    ],
)
def test_what_the_length_limit_cut_off_is_closed_after_its_last_whole_sentence_or_line(content, template):
    reply = closed(f"````\n{content}", cut_off=True)
    assert (parse_reply(reply).template if reply else None) == template


def test_what_ended_by_itself_is_closed_where_it_ends():
    assert parse_reply(closed("```\nWrite it do", cut_off=False)).template == "Write it do"
    assert parse_reply(closed("```\n", cut_off=False)).rejection == "empty"


@pytest.mark.parametrize("reply", ["no fence. At all", "```\nGo.\n```\nAnd.", "```\nGo.\n```\n```\nCome."])
def test_only_a_first_fence_that_is_open_is_closed(reply):
    assert closed(reply, cut_off=True) is None and closed(reply, cut_off=False) is None


@pytest.mark.parametrize("piece", ["a. ", "1. ", "e.g. ", "a\n", ":\n", "# a\n", "`", ".", "\n", "a", '"', "!", "!)"])
def test_closing_100_kb_takes_linear_time(piece):
    started = time.process_time()
    closed("```\n" + piece * (100_000 // len(piece)) + "a", cut_off=True)
    assert time.process_time() - started < 1.0
