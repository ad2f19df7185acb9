"""Posting to a URL that a person typed: its own machine is allowed, a cloud's credentials are not."""

import pytest

from account_lifecycle import ConfigurationError
from account_lifecycle.webhooks.posting import Poster


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/hooks", "http://[::1]:8000/", "http://10.1.2.3/", "https://a.de"]
)
def test_the_host_that_was_typed_is_allowed(url: str) -> None:
    assert Poster(url).host in url


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("localhost:8000/s3cret", "neither http nor https"),
        ("ftp://localhost/s3cret", "neither http nor https"),
        ("http://user:s3cret@localhost/", "credentials in it"),
        ("http://169.254.169.254/s3cret", "where a cloud hands out credentials"),
        ("http://2130706433/s3cret", "the host '2130706433'"),
        ("http://[::1/s3cret", "IPv6"),
    ],
)
def test_another_is_refused_in_words_that_show_no_secret(url: str, what: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Poster(url)
    assert what in str(refused.value)
    assert "s3cret" not in str(refused.value)
