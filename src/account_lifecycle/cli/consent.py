"""Asking first: what cannot be undone is done after a yes only.

Knows questions and answers; it must never know what they are about.
"""

import click

from .commands import Failed
from .options import FunctionT


def yes_option(function: FunctionT) -> FunctionT:
    """--yes: without asking."""
    return click.option("--yes", "is_agreed", is_flag=True, help="Do not ask.")(function)


def ask(question: str, is_agreed: bool) -> None:
    """Go on only after a yes; ``is_agreed`` is a yes given beforehand."""
    if is_agreed:
        return
    try:
        if click.confirm(question, err=True):
            return
    except click.Abort:  # nobody is there to answer
        click.echo(err=True)
    raise Failed("nothing was done. Answer y, or give --yes where nobody can answer.")
