"""What is shown of a URL: its scheme, hosts, ports and database, and of a file its name; nothing else, ever.

A URL holds secrets in many places: before the host, in the query, in the path of a receiver of webhooks, and where a
person mistyped it. So nothing is looked for that is to be hidden. What may be shown is put together from the parts
that are plainly what they should be, and an ellipsis stands for everything else. Where an ``@`` leaves open what is a
password and what a host, only the scheme is shown.
"""

import re

HIDDEN = "…"
"""What stands for whatever is not shown."""

_DATABASES = ("postgresql", "postgres")
_SCHEMES = (*_DATABASES, "sqlite", "memory", "https", "http", "mysql", "mariadb", "mssql", "mongodb", "redis", "file")
_URL = re.compile(rf"({'|'.join(_SCHEMES)}):(.*)", re.IGNORECASE | re.DOTALL)
_FILE = re.compile(r"(?:[A-Za-z]:)?[\w./\\ ~+,()-]*…?")
_STORE_FILE = re.compile(r"(?:[A-Za-z]:)?[\w./\\ ~+,()-]{0,200}\.(?:db|sqlite3?)")
_CREDENTIALS = re.compile(r"[^@/]*@")
_PARTS = re.compile(r"([^/?#]*)(?:/([^/?#]*))?(?:\?([^#]*))?(.*)", re.DOTALL)
_HOST = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,252}|\[[0-9A-Fa-f:.]{2,45}\]|(?:%2[Ff][\w.-]*)+)?(?::\d{1,5})?")
_DATABASE = re.compile(r"[\w$.-]{1,63}…?")
_PARAMETERS = {
    "host": re.compile(r"[\w./:%-]{1,200}(?:,[\w./:%-]{1,200})*…?"),
    "port": re.compile(r"\d{1,5}(?:,\d{1,5})*…?"),
    "dbname": _DATABASE,
}
"""The parameters of a query that are shown, and what each looks like."""
_BEGINS = rf"(?:(?:{'|'.join(_SCHEMES)}):/|\w[\w+.-]*://[^/]*@)"
_IN_TEXT = re.compile(
    rf"(?P<quote>['\"])(?P<quoted>{_BEGINS}.*)(?P=quote)|\b(?P<bare>{_BEGINS}.*)", re.IGNORECASE | re.DOTALL
)
_IN_PARAMETERS = re.compile(r"((?:pass|secret|token)\w*\s*=\s*)(?:'(?:[^'\\]|\\.)*'?|\S+)", re.IGNORECASE)


def public_url(url: str) -> str:
    """Return what may be shown of a URL, or of whatever was given in its place."""
    found = _URL.fullmatch(url)
    if found is None:
        return url if not url or _STORE_FILE.fullmatch(url) else HIDDEN
    scheme, rest = found[1].lower(), found[2]
    if scheme == "memory":
        return url.lower() if rest in ("", "//") else f"memory:{HIDDEN}"
    if not rest.startswith("//"):
        return f"{scheme}:{HIDDEN if rest else ''}"
    if scheme in ("sqlite", "file") and rest.startswith("///"):
        file, *more = re.split(r"[?#]", rest[3:], maxsplit=1)
        is_plain = _FILE.fullmatch(file) and "@" not in rest
        return f"{scheme}:///{file if is_plain else HIDDEN}{HIDDEN if more and is_plain else ''}"
    return f"{scheme}://{_place(rest[2:], has_database=scheme in _DATABASES)}"


def _place(rest: str, *, has_database: bool) -> str:
    """Return what may be shown of a URL after its two slashes."""
    credentials = _CREDENTIALS.match(rest)
    parts = _PARTS.fullmatch(rest[credentials.end() :] if credentials else rest)
    if parts is None or "@" in parts[0] or (credentials and {"?", "#"} & {*credentials[0]}):
        return HIDDEN
    hosts, path, query, more = parts.groups()
    if not all(map(_HOST.fullmatch, hosts.split(","))):
        return HIDDEN
    shown = f"{HIDDEN}@{hosts}" if credentials else hosts
    if path is not None:
        is_shown = not path or (has_database and _DATABASE.fullmatch(path))
        shown += f"/{path if is_shown else HIDDEN}"
    pairs = [pair.partition("=")[::2] for pair in query.split("&")] if query else []
    plain = [f"{key}={value}" for key, value in pairs if has_database and _is_shown(key, value)]
    left_out = more or query == "" or len(plain) < len(pairs)
    return (
        shown + (f"?{'&'.join(plain)}" if plain else "") + (HIDDEN if left_out and not shown.endswith(HIDDEN) else "")
    )


def _is_shown(key: str, value: str) -> bool:
    return key in _PARAMETERS and _PARAMETERS[key].fullmatch(value) is not None


def hide_urls(text: str) -> str:
    """Return text, in which there may be one URL, with what may be shown of it; and without passwords of libpq's form.

    A URL is taken to go on to its closing quotation mark, or to the end of the text, since a malformed one may have
    blanks in it. A path that was made of a URL has lost a slash.
    """
    return _IN_PARAMETERS.sub(rf"\1{HIDDEN}", _IN_TEXT.sub(_hidden, text))


def _hidden(found: re.Match[str]) -> str:
    quote, url = found["quote"] or "", found["quoted"] or found["bare"]
    scheme, _, rest = url.partition(":")
    is_file = scheme.lower() in ("sqlite", "file")
    return quote + public_url(url if is_file or rest.startswith("//") else f"{scheme}:/{rest}") + quote
