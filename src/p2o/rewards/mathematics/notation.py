r"""One notation for what is written in many: signs of Unicode, fonts, groups of digits, names without a backslash.

It changes how an answer looks and never what it says, so that two answers may be compared as texts afterwards, and
math-verify reads what it would not read otherwise.
"""

import re
import unicodedata
from functools import lru_cache

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙₓ", "0123456789+-=()nx")
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ]+")
_LOWERED = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₙₓ]+")
_VULGAR = re.compile("[¼-¾⅐-⅞]")
_ROOT = re.compile(r"(?P<root>[√∛∜])\s*(?P<of>\d+(?:\.\d+)?|[A-Za-z])?")
_DEGREES = {"√": r"\sqrt", "∛": r"\sqrt[3]", "∜": r"\sqrt[4]"}
_SIGNS = {
    **{"−": "-", "–": "-", "—": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": "/"},
    **{
        "π": r"\pi ",
        "θ": r"\theta ",
        "∞": r"\infty ",
        "°": r"^\circ",
        "º": r"^\circ",
        "±": r"\pm ",
        "∅": r"\emptyset ",
    },
    **{"≤": r"\le ", "≥": r"\ge ", "≠": r"\neq ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∖": r"\setminus "},
    **{"ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}", "ℂ": r"\mathbb{C}"},
    **{"∶": ":", "⁄": "/", "∕": "/", "≈": r"\approx ", "′": "'", "“": '"', "”": '"', "’": "'", "€": r"\text{€}"},
    **{"α": r"\alpha ", "β": r"\beta ", "φ": r"\phi ", "λ": r"\lambda ", "μ": r"\mu ", "ω": r"\omega "},
    **{"\u2009": r"\,", "\u202f": r"\,", "\u200a": r"\,", "\u200b": "", "\u2060": "", "\ufeff": ""},
}
_NESTED = r"\{((?:[^{}]|\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*)\}"  # braces in braces, four deep
_BRACED = re.compile(_NESTED)
_FONT = re.compile(r"(?P<at>[_^]?)\\(?:boldsymbol|bm|mathbf|mathit|mathsf|mathnormal|pmb|underline)\s*" + _NESTED)
_BARE_FONT = re.compile(r"\\(?:displaystyle|textstyle|scriptstyle|limits|bf|rm|large|Large|boldsymbol|bm)(?![A-Za-z])")
_COLOUR = re.compile(r"\\(?:textcolor|color)\s*\{[^{}]*\}")
_TEXT = re.compile(r"\\(?:mbox|hbox|textbf|textit|textrm|textsf|texttt|textnormal|mathrm|text)\s*(?=\{)")
_UPRIGHT = re.compile(r"\\mathrm\s*\{\s*([A-Za-z])\s*\}|\\text\s*\{\s*([ie])\s*\}")  # of constants, mostly
_OPERATOR = re.compile(r"\\operatorname\*?\{([A-Za-z]+)\}")
_VECTOR = (
    r"\\(?:boldsymbol|bm|mathbf|pmb|vec|overrightarrow|hat)\s*(?:\{[^{}]*\}|[A-Za-z](?![A-Za-z]))"
    r"(?:_\w|_\{[^{}]*\})?"
)
_CROSS = re.compile(
    rf"(?P<before>{_VECTOR}\s*)\\times(?![A-Za-z])(?!\s*[0-9])|(?<![0-9\s])\s*\\times(?P<after>\s*{_VECTOR})"
)
_TRANSPOSED = re.compile(
    r"\^\s*(?:\\(?:top|intercal)(?![A-Za-z])|\{\s*(?:T|\\(?:top|intercal)|\\text\{\s*T\s*\})\s*\})"
)
_SPACE = re.compile(
    r"(?<!\\)\\[,;:> ]|\\(?:q?quad|thinspace|enspace)(?![A-Za-z])|~|\\[hm]space\*?\{[^{}]*\}|[\s\u00a0]+"
)
_GROUP_SIGN = r"(?:\\[,;:! ]|\{,\}(?:\\!)?|,\\!\s*|~|[ \u00a0])"
_GROUPS = re.compile(rf"(?<![\d.,])\d{{1,3}}(?:{_GROUP_SIGN}\d{{3}})+(?![\d/]|{_GROUP_SIGN}\d)")
_COMMAS = re.compile(
    r"(?:^|(?<=[^\\]\{)|(?<==)|(?<=\\\$))-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?(?=\s*(?:$|\}|\\text\{|\\?%|\^))"
)
_MIXED = re.compile(r"(?<![\d.,/])(\d+) +(\d+) */ *(\d+)(?![\d/])")
_NAMES = re.compile(
    r"(?P<text>\\text\{[^{}]*\})|(?<![A-Za-z\\])(?:np\.|math\.)?(?P<name>pi|theta|alpha|beta|exp|sqrt|arcsin|arccos|arctan|sinh|cosh|tanh|sin|cos|tan|cot"
    r"|sec|csc|log|ln|infty)(?![A-Za-z])"
)
_CALL = re.compile(r"\\(?P<name>sqrt|exp)\s*\(|(?P<power>\^)\s*\(")
_SQRT_OF = re.compile(r"\\sqrt\s*(\d+|[A-Za-z])")
_CIRCLE = re.compile(r"\^\s*\{\s*\\circ\s*\}|\^\s*\{?o\}?(?![A-Za-z])|\\degree(?![A-Za-z])|\^\s*\\circ")
_PRIMES = re.compile(r"\^\s*(?:\{\s*(?:\\prime\s*)+\}|\\prime(?![A-Za-z]))")
_ENDING = re.compile(r"(?:(?<!\\right)(?<!\\left)(?<!\.)[.]|[,;\s]|\\\\|\\[,;:! ])+$")
_WRAPPED = re.compile(r"^(?:\$\$(?P<a>[^$]*)\$\$|\$(?P<b>[^$]*)\$|\\\((?P<c>.*)\\\)|\\\[(?P<d>.*)\\\])$", re.DOTALL)
_DELIMITERS = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])\s*\.?(?=[()\[\]{}|\\/.<>]|$)")
_SIZES = re.compile(r"\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])")
_SYNONYMS = {
    r"\varnothing": r"\emptyset",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\leqslant": r"\le",
    r"\geqslant": r"\ge",
    r"\leq": r"\le",
    r"\geq": r"\ge",
    r"\ne": r"\neq",
    r"\lt": "<",
    r"\gt": ">",
    r"\colon": ":",
    r"\imath": "i",
}
_COMMAND = re.compile(r"\\[A-Za-z]+")
_DOUBLED = re.compile(r"\\\\(?=[A-Za-z])")  # escaped once too often
_PERCENT = re.compile(r"\s*(?:\\text\{\s*(?:percent|pct)\s*\}|\b(?:percent|pct)\b)")
_DECIMAL_COMMA = re.compile(r"(-?)0,(\d+)")
_SCIENTIFIC = re.compile(r"(?<![A-Za-z0-9_])(\d+(?:\.\d+)?)[eE]([-+]?\d+)(?![\w])")
_IN_BASE = re.compile(r"(?<=[0-9A-Z])\s*\\text\{\s*\(?\s*(?:in )?base[- ](?P<base>[0-9]+|[a-z]+)\s*\)?\s*\}$")
_REPEATING = re.compile(r"(?<![\w.])(?P<whole>\d*)\.(?P<once>\d*)\\overline\{\s*(?P<again>\d+)\s*\}")
_SHORT_FRACTION = re.compile(r"\\(frac|binom) *([0-9A-Za-z]|\\[A-Za-z]+) *([0-9A-Za-z])")
_FRAC = re.compile(r"\\[dtc]frac(?![A-Za-z])")


LONGEST = 500  # characters of an answer that is read: what takes squared time then takes some milliseconds


@lru_cache(maxsize=1 << 14)  # golds come back every epoch, and frequent answers with every question
def normalised(text: str) -> str:
    """An answer in the one notation that is compared and read; as it is where a sentence has formulas in `$`.

    This happens where nothing but the run itself would end it, so that no more than `LONGEST` characters are read.
    """
    if len(text) > LONGEST:
        return text.strip()
    text = _unwrapped(text.strip())
    if "\\begin" not in text:
        text = _DOUBLED.sub(r"\\", text)
    if not text.isascii():
        text = _without_unicode(text)
    if "\\" in text:
        text = _REPEATING.sub(_repeating, _without_dressing(text))
    text = _GROUPS.sub(lambda found: re.sub(r"\D", "", found.group()), text)
    text = _COMMAS.sub(lambda found: found.group().replace(",", ""), text.replace("\\!", ""))
    text = _SHORT_FRACTION.sub(r"\\\1{\2}{\3}", _SCIENTIFIC.sub(r"\1\\cdot 10^{\2}", text.replace("{:}", ":")))
    text = _MIXED.sub(r"\1\\frac{\2}{\3}", _SPACE.sub(" ", text))
    text = _NAMES.sub(lambda found: found["text"] or "\\" + found["name"], text)
    text = _PERCENT.sub(r"\\%", _IN_BASE.sub(r"_{\g<base>}", text))
    text = text.replace("**", "^").replace("<=", r"\le ").replace(">=", r"\ge ").replace("!=", r"\neq ")
    text = _SQRT_OF.sub(r"\\sqrt{\1}", _braced_calls(text))
    text = _unwrapped(_ENDING.sub("", _TRANSPOSED.sub("^T", text).strip()))
    if found := _DECIMAL_COMMA.fullmatch(text):
        return f"{found[1]}0.{found[2]}"
    braced = _BRACED.fullmatch(text)
    return braced[1].strip() if braced else text


def _unwrapped(text: str) -> str:
    found = _WRAPPED.match(text)
    return next(part for part in found.groups() if part is not None).strip() if found else text


def _without_unicode(text: str) -> str:
    text = _VULGAR.sub(lambda found: _fraction(found.group()), text)
    text = _RAISED.sub(lambda found: "^{" + found.group().translate(_SUPERSCRIPTS) + "}", text)
    text = _LOWERED.sub(lambda found: "_{" + found.group().translate(_SUBSCRIPTS) + "}", text)
    text = _ROOT.sub(lambda found: _DEGREES[found["root"]] + ("{" + found["of"] + "}" if found["of"] else ""), text)
    return unicodedata.normalize("NFKC", "".join(_SIGNS.get(sign, sign) for sign in text))


def _fraction(sign: str) -> str:
    over, _, under = unicodedata.normalize("NFKC", sign).partition("\u2044")
    return f"\\frac{{{over}}}{{{under}}}"


def _without_dressing(text: str) -> str:
    """Without fonts, colours and sizes."""
    text = _FRAC.sub(r"\\frac", _COLOUR.sub("", text))
    # Before fonts are taken away, which show that it is a vector.
    text = _CROSS.sub(lambda found: f"{found['before'] or ''}\\cross {found['after'] or ''}", text)
    while (plain := _FONT.sub(_content, text)) != text:
        text = plain
    text = _OPERATOR.sub(r"\\\1 ", _TEXT.sub(r"\\text", _UPRIGHT.sub(r"\1\2", _BARE_FONT.sub("", text))))
    text = _COMMAND.sub(lambda found: _SYNONYMS.get(found.group(), found.group()), _DELIMITERS.sub("", text))
    text = _PRIMES.sub(lambda found: "'" * found.group().count("prime"), text)
    return _CIRCLE.sub(r"^\\circ", _SIZES.sub("", text))


def _content(found: re.Match[str]) -> str:
    return f"{found['at']}{{{found[2]}}}" if found["at"] else found[2]


def _repeating(found: re.Match[str]) -> str:
    r"""`0.1\overline{6}` as the fraction that it is: what it repeats comes once more, less what stands before."""
    before, again = found["whole"] + found["once"], found["again"]
    under = 10 ** len(found["once"]) * (10 ** len(again) - 1)
    return f"\\frac{{{int(before + again) - int(before or '0')}}}{{{under}}}"


def _braced_calls(text: str) -> str:
    r"""`\sqrt(x)` as `\sqrt{x}`, `\exp(x)` as `e^{x}` and `2^(x)` as `2^{x}`, as far as the bracket is closed."""
    start = 0
    while found := _CALL.search(text, start):
        start = found.end()
        depth, end = 1, start
        while end < len(text) and depth:
            depth += (text[end] == "(") - (text[end] == ")")
            end += 1
        if depth == 0:
            opening = {"sqrt": r"\sqrt{", "exp": "e^{", None: "^{"}[found["name"]]
            text = text[: found.start()] + opening + text[start : end - 1] + "}" + text[end:]
            start = found.start() + len(opening)
    return text
