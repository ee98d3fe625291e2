"""Sections -> one HTML page that loads nothing and runs nothing."""

from base64 import b64encode
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined

from p2o.commands.report.blocks import Section


def render(title: str, sections: Sequence[Section]) -> str:
    """The page. Every text in it is escaped; figures are images, in which nothing can run."""
    environment = Environment(
        loader=PackageLoader("p2o.commands.report", "."),
        autoescape=True,  # completions, templates and names are untrusted
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_uri"] = _data_uri
    style = files("p2o.commands.report").joinpath("page.css").read_text(encoding="utf-8")
    return environment.get_template("page.html.jinja").render(title=title, sections=sections, style=style)


def _data_uri(svg: str) -> str:
    return f"data:image/svg+xml;base64,{b64encode(svg.encode()).decode()}"
