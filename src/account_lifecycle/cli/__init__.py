"""The command line: a thin layer of words and columns over the library. Nothing imports it."""

from .program import main

__all__ = ["main"]
