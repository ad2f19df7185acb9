"""Files that are written: which names may be written to, what their endings mean, and how a file comes to its name.

Everything that the package writes for people passes through here. ``endings`` says which format a name asks for,
``targets`` refuses what must not be replaced, and ``drafts`` writes beside the target and renames what is whole.
"""

from .drafts import Draft, drafted
from .endings import Endings, form_of
from .targets import STREAM, OutputTarget, check_apart, check_target, is_store

__all__ = [
    "STREAM",
    "Draft",
    "Endings",
    "OutputTarget",
    "check_apart",
    "check_target",
    "drafted",
    "form_of",
    "is_store",
]
