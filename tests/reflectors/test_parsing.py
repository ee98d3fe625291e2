import time

import pytest

from p2o.prompts.renderer import PromptRenderer
from p2o.reflectors.base import Proposal
from p2o.reflectors.parsing import check_length, parse_reply

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
