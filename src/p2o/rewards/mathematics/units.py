r"""What stands beside the mathematics of an answer: units, and prose."""

import re

_KNOWN = {  # one name for each unit
    **dict.fromkeys(["cm", "centimeter", "centimetre"], "cm"),
    **dict.fromkeys(["mm", "millimeter", "millimetre"], "mm"),
    **dict.fromkeys(["m", "meter", "metre"], "m"),
    **dict.fromkeys(["km", "kilometer", "kilometre"], "km"),
    **dict.fromkeys(["in", "inch", "inche"], "in"),
    **dict.fromkeys(["ft", "foot", "feet"], "ft"),
    **dict.fromkeys(["yd", "yard"], "yd"),
    **dict.fromkeys(["mi", "mile"], "mi"),
    **dict.fromkeys(["s", "sec", "second"], "s"),
    **dict.fromkeys(["min", "minute"], "min"),
    **dict.fromkeys(["h", "hr", "hour"], "h"),
    **dict.fromkeys(["day"], "day"),
    **dict.fromkeys(["week"], "week"),
    **dict.fromkeys(["year", "yr"], "year"),
    **dict.fromkeys(["g", "gram", "gramme"], "g"),
    **dict.fromkeys(["kg", "kilogram"], "kg"),
    **dict.fromkeys(["lb", "pound"], "lb"),
    **dict.fromkeys(["oz", "ounce"], "oz"),
    **dict.fromkeys(["l", "liter", "litre"], "l"),
    **dict.fromkeys(["ml", "milliliter", "millilitre"], "ml"),
    **dict.fromkeys(["n", "newton"], "n"),
    **dict.fromkeys(["j", "joule"], "j"),
    **dict.fromkeys(["w", "watt"], "w"),
    **dict.fromkeys(["degree", "deg"], "degree"),
    **dict.fromkeys(["radian", "rad"], "radian"),
    **dict.fromkeys(["dollar", "usd", "$"], "dollar"),
    **dict.fromkeys(["cent"], "cent"),
    **dict.fromkeys(["euro", "€", "eur"], "euro"),
    **dict.fromkeys(["£"], "£"),
    **dict.fromkeys(["mph"], "mph"),
    **dict.fromkeys(["am"], "am"),
    **dict.fromkeys(["pm"], "pm"),
    **dict.fromkeys(["square", "sq"], "2"),
    **dict.fromkeys(["cubic", "cu"], "3"),
    **dict.fromkeys(["unit"], ""),
    **dict.fromkeys(["per"], ""),
}
# Words that say something of a number, so that it is not the number alone.
_TELLING = set(
    "and or not no nor neither if is are was be when where for but more less least most than about except plus minus "
    "times to mod modulo hundred thousand million billion trillion dozen percent half quarter other wrong incorrect "
    "between greater fewer only unless until without as given".split()
)
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
        unit |= _names(found["sign"].replace("\\text{", "").strip("\\{} "))
        text = text[: found.start("sign")] + text[found.end() :]
    while found := _TEXT.search(text) or _BARE.search(text) or _CIRCLE.search(text):
        value = text[: found.start()]
        words = "degree" if found.re is _CIRCLE else found["words"].replace(".", "")
        names = _names(words)
        if not value.strip(" -") or any(sign.isdigit() for sign in words) or _TELLING & set(words.casefold().split()):
            break
        if len(words.split()) > _MOST_WORDS or (found.re is _BARE and not _is_unit(value, words, found["blank"])):
            break
        unit |= names | ({found["power"]} - {None} if found.re is not _CIRCLE else set())
        text = value
    return text.strip(), frozenset(unit)


def compatible(gold: frozenset[str], answer: frozenset[str]) -> bool:
    """Whether two units may be one: either has none, known ones are the same, others share a word."""
    if not gold or not answer or gold == answer:
        return True
    return not (gold | answer) <= set(_KNOWN.values()) and bool(gold & answer)


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


def _names(words: str) -> set[str]:
    names = {
        word.removesuffix("s") if len(word) > 2 else word for word in re.split(r"[\s/]+", words.casefold()) if word
    }
    return {_KNOWN.get(name, name) for name in names} - {""}


def _is_unit(value: str, words: str, blank: str) -> bool:
    """Whether words without a command beside a number are no letters of a product."""
    if any(sign.isalpha() for sign in _COMMAND.sub("", value)) or (not blank and words not in _JOINED):
        return False
    return all(
        len(word) > 3 or word.casefold().removesuffix("s") in _KNOWN for word in re.split(r"[ ./]+", words) if word
    )
