r"""What math-verify reads otherwise than it is written, so that one spelling of it alone can be equal to it.

It drops what it does not know and says nothing: `A^T` is `A`, `5_a` is `5`, `7'` is `7`, and `\coth x` is `\cot` of h
times x, since it takes the longest beginning of a command for the whole. So commands are listed that it knows, and
signs that it leaves out; what has others is compared as text.
"""

import re

# Commands that it reads as what they are. A command that makes a product of names (`\angle ABC`) is not one of them.
_READ = set(
    "frac dfrac tfrac cfrac binom dbinom tbinom choose sqrt cdot times div mod pm mp sin cos tan csc sec cot arcsin "
    "arccos arctan arccsc arcsec arccot sinh cosh tanh arsinh arcosh artanh arcsinh arccosh arctanh log ln exp max "
    "min gcd lcm det floor ceil lim int sum prod langle rangle lfloor rfloor lceil rceil lvert rvert vert lbrace "
    "rbrace lbrack rbrack left right le ge leq geq neq ne lt gt leqslant geqslant equiv in notin to rightarrow cup "
    "cap setminus emptyset varnothing infty partial ell hbar hat bar vec dot ddot tilde widetilde check breve acute "
    "grave mathring overline text mbox textbf mathrm mathbf mathit mathcal mathfrak mathscr mathbb mathsf mathtt "
    "operatorname displaystyle circ quad qquad thinspace begin end alpha beta gamma delta epsilon varepsilon zeta "
    "eta theta vartheta iota kappa lambda mu nu xi omicron pi varpi rho varrho sigma varsigma tau upsilon phi "
    "varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega imath jmath".split()
)
_COMMAND = re.compile(r"\\([A-Za-z]+)")
_INVERSE = r"\^\s*\{\s*-[^{}]*\}"
_DROPPED = re.compile(
    r"\^\s*(?:[T*]|\{\s*(?:[T*]|\\text\{\s*[T*]\s*\})\s*\})"  # a transpose or an adjoint
    r"|[A-Z]\)?\^\s*(?:H|\{\s*H\s*\})"
    rf"|[A-Z]\s*{_INVERSE}\s*[(A-Z]|[)A-Z]\s*[A-Z]\s*{_INVERSE}|[A-Z]\){_INVERSE}\s*[A-Z]"  # the order of matrices
    # The inverse of a function, which is not the reciprocal.
    r"|(?:[fghFG]|[A-Za-z](?=[^()]*\([^()+-]*\)))\s*\^\s*\{\s*-\s*1\s*\}\s*\("
    r"|(?<![A-Za-z])[A-Z]\s*\["  # an expected value, which is no product
    r"|(?<!!)!\s*!(?!\s*!)"  # a double factorial
    r"|[^A-Za-z']'"  # a mark that is not a letter's
    r"|[0-9]\s*_"
    r"|\.[0-9]+\."
)
_PAIR = re.compile(r"(?=(?<![A-Za-z\\])([A-Z])\s*([A-Z])(?![a-z]))")


def misread(text: str) -> bool:
    """Whether a formula has what math-verify leaves out or takes for something else."""
    if any(command not in _READ for command in _COMMAND.findall(text)) or _DROPPED.search(text):
        return True
    return _noncommuting(text)


def _noncommuting(text: str) -> bool:
    """Whether capital letters stand in both orders, as in `AB - BA`: they are no numbers."""
    pairs = {found.groups() for found in _PAIR.finditer(_COMMAND.sub(" ", text))}
    return any(first != second and (second, first) in pairs for first, second in pairs)
