"""What math-verify reads otherwise than it is written: a wrong answer is not made right by what it leaves out."""

import pytest
from judging import judged

from p2o.rewards.mathematics.answers import equal_answers

SIGNS = ["@", "#", "?", r"\tag{1}", r"\cancel{9}", r"\perp", r"\dagger", "{}", "[]", "\x1b"]
HALF = r"\frac{1}{2}"
DIFFERENT = {
    "the last fraction of what cannot be read": [
        (r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}", r"\frac{2}{3}"),
        (r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}", r"\frac{7}{3} E_2 - \frac{2}{3} E_{1}"),
        (HALF, r"x \notin \frac{1}{2}"),
        (HALF, r"\neg \frac{1}{2}"),
        (HALF, r"\frac{1}{2} \to \infty"),
        (HALF, r"7 \lor \frac{1}{2}"),
        (HALF, r"\frac{1}{3}\cup\frac{1}{2}"),
        (HALF, r"\frac{1}{3}<>\frac{1}{2}"),
        *((HALF, rf"\frac{{1}}{{3}} {sign} \frac{{1}}{{2}}") for sign in SIGNS),
    ],
    "matrices and vectors": [
        ("vv^T", "v^Tv"),
        ("vv^T", "v^2"),
        ("QQ^T", "Q^TQ"),
        ("QQ^T", "Q^2"),
        ("X Y^T", "XY"),
        ("X Y^T", "X^TY"),
        ("X Y^T", "YX"),
        ("x^* = A^T(AA^T)^{-1}b", r"\frac{b}{A}"),
        ("x^* = A^T(AA^T)^{-1}b", "x^*=A^{-1}b"),
        ("A^T", "A"),
        ("A", r"A^{\mathsf{T}}"),
        ("A", r"A^{\text{T}}"),
        ("v^2", "v^Tv"),
        ("1+r", "(1+r)^T"),
        ("A^{-1}BA", "B"),
        ("P^{-1}A P", "A"),
        ("(AB)^{-1}C", "A^{-1}B^{-1}C"),
        ("AB-BA", "0"),
        (r"\mathbf{a}\times\mathbf{b}", r"\mathbf{b}\times\mathbf{a}"),
        (r"\mathbf{a}\times\mathbf{b}", r"\mathbf{a}\cdot\mathbf{b}"),
        (r"\mathbf a\times\mathbf b", r"\mathbf b\times\mathbf a"),
        (r"\vec{a}\times\vec{b}", r"\vec{b}\times\vec{a}"),
        (r"\vec{a}\cdot\vec{b}", r"\vec{a}\times\vec{b}"),
        (r"(\vec{a}+\vec{b})\times\vec{c}", r"\vec{c}\times(\vec{a}+\vec{b})"),
        (r"\nabla\times F", r"\nabla\cdot F"),
    ],
    "letters of both cases and marks": [
        (r"\dfrac{N}{n}", "1"),
        ("R^2-r^2", "0"),
        (r"\pi(R^2-r^2)", "0"),
        ("2Rr", "2r^2"),
        ("R+r", "2r"),
        ("R_1+r_1", "2r_1"),
        ("N(n)+1", "n(n)+1"),
        (r"v_{A}+v_{a}", "2v_{a}"),
        (r"\Delta x", r"\delta x"),
        (r"\Pi+1", r"\pi+1"),
        ("y''+y'=y", "y'+y=y''"),
        ("7", "7'"),
        ("7", "7''"),
        (r"\sqrt{2}", r"\sqrt{2}'"),
    ],
    "what nothing is known of": [
        (r"\frac{\partial f}{\partial x}", "0"),
        (r"\frac{df}{dx}", "0"),
        (r"\frac{d}{dx}f(x)", "0"),
        (r"-k\frac{\partial T}{\partial x}", "0"),
        (r"\frac{dy}{dx}", r"\frac{dx}{dy}"),
        (r"\frac{dy}{dx}+y=x", "y=x"),
        (r"y\frac{dy}{dx}+x", "x"),
        (r"\int_0^1 f(x)dx", "f(x)"),
        (r"\int_a^b f(x)dx", "(b-a)f(x)"),
        (r"\int_a^b f\,dx", "(b-a)f"),
        (r"\sum_{k=1}^n a_k", "n a_k"),
        (r"\sum_{k=1}^n a_k", r"\sum_{j=1}^{n}a_k"),
        (r"\sum_{k=1}^n a_k", r"\sum_{k=2}^{n+1}a_k"),
        (r"\sum_{k=1}^n a_{k+1}", "n a_{k+1}"),
        (r"\sum_{k=1}^n f(k)", "n f(k)"),
        (r"\sum_{k=1}^n \sum_{j=1}^m a_{kj}", "nm a_{kj}"),
        (r"\sum_{j=1}^m a_{kj}", "m a_{kj}"),
        (r"\prod_{k=1}^n p_k", "p_k^n"),
        (r"\lim_{x\to0}f(x)", "f(x)"),
        (r"\lim_{x\to0}f(x)", r"\lim_{x\to1}f(x)"),
        (r"\lim_{n\to\infty}a_n", "a_n"),
        (r"\lim_{N\to\infty}\frac{1}{N}", r"\frac{1}{n}"),
        (r"\int_0^1 X dX", "x"),
        ("x=5", r"\frac{dy}{dx}+5=x"),
        ("1,0", r"1,\frac{dy}{dx}"),
    ],
    "products of numbers in brackets": [
        ("5", "2(3)"),
        ("5", "(2)(3)"),
        ("-5", "-2(3)"),
        ("9", "2(3)(4)"),
        (r"\frac{7}{3}", r"2(\frac{1}{3})"),
    ],
    "roundings": [
        ("7", r"7\approx 8"),
        ("8", r"7\approx 8"),
        (r"\frac{1}{3}", r"\frac{1}{3}\approx 1.3"),
        ("0.785", r"7 \approx 0.785"),
    ],
    "equations that do not hold": [("7", "8=7"), ("5", "0=5"), (r"\frac{1}{2}", r"\frac{1}{3}=\frac{1}{2}")],
    "commands that are read as others": [
        (r"\cot(hx)", r"\coth x"),
        ("5s", r"5\cdots"),
        (r"\angle ABC", r"\angle BCA"),
        ("11", r"5\phantom{6}"),
        ("5", "5_a"),
        ("0.36", "1.2.3"),
        ("720", "3!!"),
        ("E[X^2]", "E[X]^2"),
        ("f^{-1}(x)", r"\frac{1}{f(x)}"),
        (r"\frac{x+1}{f}", "f^{-1}(x+1)"),
    ],
}

EQUAL: dict[str, list[tuple[str, str]]] = {
    "roundings": [
        (r"\frac{\pi}{4}", r"\frac{\pi}{4} \approx 0.785"),
        (r"\frac{\pi}{4}", r"\frac{\pi}{4} ≈ 0.785..."),
        (r"\frac{22}{7}", r"\frac{22}{7} \approx 3.14"),
        (r"\frac{\pi}{4}", r"x = \frac{\pi}{4} \approx 0.785"),
        ("3.14", r"x \approx 3.14"),
        (r"2\sqrt{2} \approx 2.83", r"2\sqrt{2}"),
    ],
    "equations that hold": [("7", "7=7"), ("26", "12+14=26"), ("0.5", r"\frac{1}{2}=0.5"), ("5", "x=5")],
    "products of numbers in brackets": [
        ("6", "2(3)"),
        ("6", "(2)(3)"),
        ("50", "10 (5)"),
        ("24", "2(3)(4)"),
        (r"\frac{2}{3}", r"2(\frac{1}{3})"),
        (r"\log_2(3)+1", r"1+\log_2 3"),
        (r"\log_10(3)+1", r"1+\log_10(3)"),
        (r"\frac{7}{3}", r"2\frac{1}{3}"),
    ],
    "matrices and vectors": [
        ("vv^T", r"v v^{T}"),
        ("X Y^T", r"X\,Y^{\mathsf{T}}"),
        (r"A^\top", r"A^{T}"),
        ("2A", "A+A"),
        ("AB+C", "C+AB"),
        (r"\mathbf{a}\times\mathbf{b}", r"\mathbf{a} \times \mathbf{b}"),
        (r"2\times\vec{a}", r"2\vec{a}"),
        (r"3\times x", "3x"),
        (r"m\times n", "mn"),
    ],
    "what nothing is known of": [
        (r"\frac{dy}{dx}+y=x", r"y+\frac{dy}{dx}=x"),
        (r"m\frac{dv}{dt}+bv=f", r"f-bv=m\frac{dv}{dt}"),
        (r"\frac{d x}{d t}=k x-a", r"\frac{dx}{dt}+a=kx"),
        (r"\int_0^1 2f(x)dx", r"\int_0^1 f(x)\cdot 2\,dx"),
        (r"\int_0^1 f(x)dx", r"\int_0^1 f(t)dt"),
        (r"1+\sum_{k=1}^n a_k", r"\sum_{k=1}^{n}a_k+1"),
        (r"\int_0^1 x dx", r"\frac12"),
        (r"\int_0^a x dx", r"\frac{a^2}{2}"),
        (r"\sum_{k=1}^n k", r"\frac{n(n+1)}{2}"),
        (r"\sum_{n=0}^\infty \frac{1}{n!}", "e"),
        (r"\frac{d}{dx}x^2", "2x"),
        (r"\lim_{x\to0}\frac{\sin x}{x}", "1"),
        (r"\prod_{k=1}^3 k", "6"),
    ],
    "letters of both cases and marks": [
        ("R^2-r^2", "(R-r)(R+r)"),
        ("d^2 = R^2 - 2Rr", "d^2=R(R-2r)"),
        ("R_1+r_1", "r_1+R_1"),
        ("R_{12}-r", "-r+R_{12}"),
        ("N(n)=2n", "2n"),
        ("N+1", "n+1"),
        (r"\Delta x+1", r"1+\Delta x"),
        (r"\Gamma(5)", "24"),
        ("f'(x)+f(x)", "f(x)+f'(x)"),
        ("x'+x", "x+x'"),
        (r"\theta'+1", r"1+\theta'"),
        ("Ee+1", "1+eE"),
    ],
}


@pytest.mark.parametrize("kind", DIFFERENT)
def test_wrong_answers_are_not_rewarded(kind):
    assert [pair for pair in DIFFERENT[kind] if judged(*pair)] == []


@pytest.mark.parametrize("kind", DIFFERENT)
def test_each_is_equal_to_itself_without_looking_at_its_letters(kind):
    answers = dict.fromkeys(answer for pair in DIFFERENT[kind] for answer in pair)
    assert [answer for answer in answers if not equal_answers(answer, answer)] == []


@pytest.mark.parametrize("kind", EQUAL)
def test_right_answers_are_not_refused(kind):
    assert [pair for pair in EQUAL[kind] if not judged(*pair)] == []
