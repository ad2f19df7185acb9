"""Host names as the wire has them: ASCII labels between dots.

Knows spelling only; it must never resolve a name.
"""

import re

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def is_host_name(host: str) -> bool:
    """Whether a lower-case text is a host name, and not a number in one of the old spellings of an IPv4 address.

    The system's resolver reads ``2130706433``, ``0x7f.1`` and ``0177.0.0.1`` as 127.0.0.1: whatever ends in a
    number is therefore no name.
    """
    return len(host) <= 253 and _NAME.fullmatch(host) is not None and _NUMBER.fullmatch(host.rpartition(".")[2]) is None
