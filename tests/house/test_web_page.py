"""The house: the web applications in docs/web.md run as they are shown there."""

import re
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
PAGE = (Path(__file__).parents[2] / "docs" / "web.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL))


def test_the_applications_and_their_tests_pass_as_they_are_shown(pytester: pytest.Pytester) -> None:
    assert {"accounts.py", "tasks.py", "views.py", "main.py", "test_web.py"} == FILES.keys()
    for name, text in FILES.items():
        (pytester.path / name).write_text(text)
    ran = pytester.runpytest_subprocess("-p", "account_lifecycle.testing.plugin", "-W", "error")
    ran.assert_outcomes(passed=6)
