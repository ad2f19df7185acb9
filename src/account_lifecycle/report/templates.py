"""How HTML is written, in a report and on the pages of a server: by templates that escape every value.

Besides, what a terminal could act upon is written as an escape, so that the text can be copied.
"""

from typing import TYPE_CHECKING

from ..lifecycle.wording import escaped

if TYPE_CHECKING:
    from jinja2 import Environment


def html_templates(package: str, folder: str) -> "Environment":
    """Return the environment of the templates in a folder of a package."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    templates = Environment(
        loader=PackageLoader(package, folder),
        autoescape=True,
        finalize=_printable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(number="{:,}".format)
    return templates


def _printable(value: object) -> object:
    """Return what is written for a value: markup as it is, words without what could act or mislead."""
    return value if hasattr(value, "__html__") else escaped(str(value))
