"""Which completions are shown, and how."""

from dataclasses import replace

from factories import rollout
from p2o.callbacks.console_samples import in_turn, shown


def test_templated_and_bare_ones_take_turns_and_no_question_comes_twice():
    rollouts = [rollout(False, "z", 0), rollout(True, "z", 0), rollout(True, "", 0), rollout(True, "", 1)]
    rollouts.append(rollout(True, "", 2))
    assert [(r.template, r.question.id) for r in in_turn(rollouts)] == [("z", "q0"), ("", "q0"), ("", "q1"), ("", "q2")]


def test_control_characters_are_spelled_out_and_long_texts_cut():
    text = shown(replace(rollout(True), text="\x1b[2J" + "a" * 50 + "\nend"), "epoch 0, batch 0", 24)
    assert "\x1b" not in text and "\\x1b[2J" in text and "[…]" in text and "end" in text and len(text) < 200


def test_verdict_question_and_template_are_there():
    text = shown(rollout(False, "Think.", 3), "epoch 1, batch 2", 600)
    assert "epoch 1, batch 2" in text and "'q3': wrong, read '1', expected '4'" in text and "Think." in text
