"""The ending of a name says the format, in any case and with what is packed in it; any other is refused."""

from pathlib import Path

import pytest

from account_lifecycle.errors import OutputError
from account_lifecycle.outputs.endings import ARCHIVE_ENDINGS, PICTURE_ENDINGS, REPORT_ENDINGS, TABLE_ENDINGS, form_of


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.html", "html"), ("A.HTML", "html"), ("a.b.Csv", "csv"), ("audit.2026-11-30.json", "json"), ("a.txt", "text")],
)
def test_a_known_ending_is_its_format_in_any_case(name: str, form: str) -> None:
    assert form_of(Path("folder.pdf", name), REPORT_ENDINGS) == form


@pytest.mark.parametrize("name", ["a.pdf", "a", ".html", "html", "a.html.gz", "a.csv.zst", "a.html~", "-"])
def test_any_other_ending_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(OutputError, match=r"does not end in \.txt, \.json, \.jsonl, \.csv, \.html or \.htm"):
        form_of(Path(name), REPORT_ENDINGS)


def test_of_a_packed_file_both_endings_count() -> None:
    assert form_of(Path("old.JSONL.gz"), ARCHIVE_ENDINGS) == form_of(Path("old.gz"), ARCHIVE_ENDINGS) == "jsonl"
    for name in ("old.csv.gz", "old.jsonl.zst", "old.jsonl"):
        with pytest.raises(OutputError, match=r"\.jsonl\.gz or \.gz"):
            form_of(Path(name), ARCHIVE_ENDINGS)


def test_every_ending_is_written_as_it_is_compared() -> None:
    for endings in (ARCHIVE_ENDINGS, PICTURE_ENDINGS, REPORT_ENDINGS, TABLE_ENDINGS):
        assert all(form_of(Path(f"a{ending}"), endings) == form for ending, form in endings.items())
