import time

import pytest

from p2o.rewards.boxed import consecutive_boxed, last_boxed, unbox


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"The answer is \boxed{5}.", "5"),
        (r"\boxed{1}, no: \boxed{2}", "2"),
        (r"\boxed{\frac{1}{2^{3}}}", r"\frac{1}{2^{3}}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{x\right.}", r"\left\{x\right."),
        (r"\boxed{a \\}", r"a \\"),
        (r"\boxed {5}", "5"),
        ("\\boxed\n{5}", "5"),
        (r"\fbox{5}", "5"),
        (r"\boxed{1} \fbox{2}", "2"),
        (r"\boxed{\boxed{3} + 1}", r"\boxed{3} + 1"),
        (r"} } \boxed{5} { {", "5"),
        (r"first \boxed{ then \boxed{5}", "5"),
        (r"\boxed{}", ""),
        ("\\boxed{数}", "数"),
    ],
)
def test_content_of_the_last_box(text, content):
    assert last_boxed(text) == content


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        r"\boxed 5",
        r"\boxed{5",
        r"\boxed{\frac{1}{2}",
        r"\boxed{5\}",
        r"\boxed{1} and finally \boxed{2",  # the final answer is missing; the earlier one is not it
        r"\\boxed{5}",  # a line break, then text
        "boxed{5}",
        r"\boxedx{5}",
    ],
)
def test_no_answer(text):
    assert last_boxed(text) is None


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{1} and \boxed{2}", "1, 2"),
        (r"$\boxed{1}$, $\boxed{2}$ or $\boxed{3}$", "1, 2, 3"),
        (r"$$\boxed{1} \quad \text{and} \quad \boxed{2}$$", "1, 2"),
        (r"$x = \boxed{1}$ or $x = \boxed{2}$", "1, 2"),
        (r"\boxed{1}. No, it is \boxed{2}", "2"),
        (r"\boxed{1} so \boxed{2} and \boxed{3}", "2, 3"),
        (r"\boxed{\boxed{3} + 1}", r"\boxed{3} + 1"),
        (r"\boxed{1} and \boxed{2", None),
        ("none", None),
    ],
)
def test_consecutive_boxes(text, content):
    assert consecutive_boxed(text) == content


@pytest.mark.parametrize(
    ("text", "content"),
    [
        (r"\boxed{5}", "5"),
        (r" \boxed{ \frac{1}{2} } ", r"\frac{1}{2}"),
        ("5 ", "5"),
        (r"x = \boxed{5}", r"x = \boxed{5}"),
        (r"\boxed{1}\boxed{2}", r"\boxed{1}\boxed{2}"),
        (r"\boxed{5", r"\boxed{5"),
        ("", ""),
    ],
)
def test_unbox_opens_only_what_is_one_box(text, content):
    assert unbox(text) == content


@pytest.mark.parametrize("piece", ["{", "}", "\\", r"\boxed{", r"\boxed{1}", r"\boxed ", "{}", " "])
def test_linear_time_on_100_kb(piece):
    text = (piece * (100_000 // len(piece) + 1))[:100_000]
    texts = [text, r"\boxed{" + text, r"\boxed{" * 10_000 + text + "}" * 10_000]
    start = time.process_time()
    for text in texts:
        last_boxed(text)
        consecutive_boxed(text)
        unbox(text)
    assert time.process_time() - start < 10.0  # 0.4 s on an idle machine; quadratic takes minutes
