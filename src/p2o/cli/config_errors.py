"""Mistakes in config files and options, said in the user's words instead of the parser's."""

import re

UNION = re.compile(
    r'Parser key "(?P<key>[^"]+)":\s+.*?Does not validate against any of the Union subtypes\s+'
    r"Subtypes: \[(?P<types>.*?)\]\n\s*Errors:.*Given value: (?P<value>.*)",
    re.DOTALL,
)
PLAIN = re.compile(
    r'Parser key "(?P<key>[^"]+)":\s+Expected an? (?P<types><class .*?>|typing\..*?)\. Got value: (?P<value>.*)',
    re.DOTALL,
)
TYPE = re.compile(r"<class '(?:[\w.]+\.)?(\w+)'>|typing\.Literal\[([^\]]*)\]")
CLASS = re.compile(
    r'Parser key "(?P<key>[^"]+)":\s+(?:- Expected a path but [^\n]*\s+- )?'
    r"(?P<why>(?:Expected a dot import path|Problem with given class_path|Import path) .*)",
    re.DOTALL,
)
UNKNOWN = re.compile(r"Expected a dot import path string: (?P<name>\S+)")
PROBLEM = re.compile(r"Problem with given class_path '(?P<name>[^']+)':\s+(?P<why>.*)", re.DOTALL)
HELP = re.compile(r"^--(?P<key>\S+)\.help: (?P<why>Expected a dot import path string: .*)")
OPTION = re.compile(r"Option '(?P<option>[^']+)' is not accepted")


def clear(message: str) -> str:
    """What jsonargparse says, shorter where its types drown the value, and with what to do about a class."""
    if "the following arguments are required: fit.model.model" in message:
        return "there is no config. Give one: p2o fit --config configs/quickstart.yaml."
    if found := UNION.search(message) or PLAIN.search(message):
        said = f"{found['key']}: expected {_kinds(found['types'])}, got {found['value'].strip()!r}."
        return message[: found.start()] + said  # whoever passed it on may have said where
    if (found := CLASS.search(message)) and "." in found["key"]:  # of a part: keys of a study have no help of fit
        return f"{message[: found.start()]}{found['key']}: {_class_mistake(found['key'], found['why'].strip())}"
    if found := HELP.search(message):
        return f"{found['key']}: {_class_mistake(found['key'], found['why'])}"
    return message.strip()


def _class_mistake(key: str, why: str) -> str:
    """Why a part cannot be made, and where to look."""
    names = f"`p2o fit --help {key.partition('.')[0]}` names those of p2o"
    if unknown := UNKNOWN.match(why):
        return f"there is no class {unknown['name']!r}. {names}, one of your own is named module.Class."
    if not (problem := PROBLEM.match(why)):
        return f"{why}. {names}."
    kind = problem["name"].rpartition(".")[2]
    if option := OPTION.match(problem["why"]):
        return f"{kind!r} has no option {option['option']!r}. `p2o fit --{key}.help {problem['name']}` lists them."
    if problem["why"].startswith("No module named"):
        return f"{problem['why']}. The folder of your own module must be on the path: PYTHONPATH=FOLDER p2o fit ..."
    return f"{problem['name']}: {problem['why']}"


def _kinds(types: str) -> str:
    """Names Python types in the words of a config, such as "a list [...]"."""
    words = [name or values for name, values in TYPE.findall(types)]
    words = list(dict.fromkeys({"NoneType": "null", "Sequence": "a list [...]"}.get(word, word) for word in words))
    return " or ".join(words) or types
