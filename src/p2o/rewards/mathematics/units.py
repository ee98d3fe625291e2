r"""What stands beside the mathematics of an answer: units, and prose."""

import re

from p2o.rewards.mathematics.unit_names import RAISED, is_known, singular, unit_names

# Words that say something of a number, so that it is not the number alone; a final s makes no other words of them.
_FRACTIONS = (
    "half halve third quarter fourth fifth sixth seventh eighth ninth tenth hundredth thousandth millionth billionth"
)
_MULTIPLES = "hundred thousand million billion trillion lakh crore mil bn dozen percent doubled tripled factorial twice"
_TELLING = set(
    f"{_FRACTIONS} {_MULTIPLES} "
    "and or not no nor neither if is are was be when where for but more less least most than about except plus minus "
    "times to mod modulo other wrong incorrect between greater fewer only unless until without as given over under "
    "above below divided negative never cannot false impossible excluded".split()
)
_DENIED = re.compile(r"n't\b|\bk\b")  # a k is a thousand, a K a kelvin
MULTIPLE = re.compile(rf"\s*(?:{'|'.join(f'{_FRACTIONS} {_MULTIPLES} squared cubed'.split())})s?\b")
_MOST_WORDS = 5

_POWER = r"\s*(?:\^\s*\{?(?P<power>-?[1-9])\}?)?\s*\.?\s*$"
_TEXT = re.compile(r"\s*/?\s*\\text\{(?P<words>[^{}]*)\}" + _POWER)
_BARE = re.compile(r"(?<=[\d})])(?P<blank> *)(?P<words>[A-Za-z]+\.?(?:[ /][A-Za-z]+)*)" + _POWER)
_CIRCLE = re.compile(r"\s*\^\\circ\s*$")
_CURRENCY = re.compile(r"^\s*-?\s*(?P<sign>\\\$|\\text\{\s*(?:€|£|\$|USD|EUR)\s*\}|£)\s*(?=[\d.\\])")
_PROSE = re.compile(r"(?<!_\{)\\text\{([^{}]*)\}")
_COMMAND = re.compile(r"\\[A-Za-z]+")
_BARE_PROSE = re.compile(r"(?:^|\s)[A-Za-z][a-z]{2,}(?=\s)|\s[A-Za-z][a-z]{2,}$")
_JOINED = {"cm", "mm", "km", "kg", "ft", "mph", "ml"}  # units that stand beside their number without a blank


def measured(text: str) -> tuple[str, frozenset[str]]:
    r"""A value and its unit: `5` and {"cm"} for `5\text{ cm}`; no unit where the words say more than a unit does."""
    unit: set[str] = set()
    if found := _CURRENCY.match(text):
        unit |= unit_names(found["sign"].replace("\\text{", "").strip("\\{} "))
        text = text[: found.start("sign")] + text[found.end() :]
    while found := _TEXT.search(text) or _BARE.search(text) or _CIRCLE.search(text):
        value = text[: found.start()]
        words = "degree" if found.re is _CIRCLE else found["words"].replace(".", "")
        power = "" if found.re is _CIRCLE else found["power"] or ""
        if not value.strip(" -") or any(sign.isdigit() for sign in words) or _say_more(words):
            break
        if len(words.split()) > _MOST_WORDS or (found.re is _BARE and not _is_unit(value, words, found["blank"])):
            break
        below = "/" if found.group().lstrip().startswith("/") else ""
        unit |= unit_names(below + words, power)
        text = value
    return text.strip(), frozenset(unit)


def prose(text: str) -> tuple[list[str], list[str]]:
    r"""The formulas and the texts of an answer by turns; one formula and no text where `\text` is within a formula."""
    pieces = _PROSE.split(text)
    formulas, texts = pieces[::2], [" ".join(piece.casefold().split()).strip(" .,") for piece in pieces[1::2]]
    if any(formula.count("{") != formula.count("}") for formula in formulas):
        return [text], []
    return [formula.strip(" ,;") for formula in formulas], texts


def is_prose(text: str) -> bool:
    """Whether words without a command stand in an answer, and are no letters of a product."""
    return bool(_BARE_PROSE.search(_COMMAND.sub(" ", _PROSE.sub(" ", text))))


def _say_more(words: str) -> bool:
    """Whether words are more than a unit: they count, compare or deny."""
    if _DENIED.search(words):
        return True
    raised = [word for word in re.split(r"\W+", words.casefold()) if word]
    unit = [word for word in raised if word not in RAISED]
    return bool(_TELLING & {*unit, *map(singular, unit)}) or (unit != raised and (raised[0] in RAISED or not unit))


def _is_unit(value: str, words: str, blank: str) -> bool:
    """Whether words without a command beside a number are no letters of a product."""
    if any(sign.isalpha() for sign in _COMMAND.sub("", value)) or (not blank and words not in _JOINED):
        return False
    return all(len(word) > 3 or is_known(word) for word in re.split(r"[ ./]+", words) if word)
