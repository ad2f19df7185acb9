"""What Prometheus and Grafana are given: tested by promtool, each expression run against a server that is scraped."""

import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from account_lifecycle import Engine, PayloadError
from account_lifecycle.testing import payload
from hooks.waiting import PATIENCE_S, eventually
from prometheus_tools import program, promtool
from server.driving import OK
from server.processes import Served, post, serving
from server.test_metrics import NAMES

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
BOARD = json.loads((DEPLOY / "grafana" / "account-lifecycle.json").read_text(encoding="utf-8"))
GROUPS = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
PANELS = {panel["title"]: [target["expr"] for target in panel["targets"]] for panel in BOARD["panels"]}
NEEDS_HISTORY = {
    "account_lifecycle:arrivals:10m",
    "account_lifecycle:arrivals:usual",
    "account_lifecycle:announcement_gap:seconds",
}
"""Rules that say nothing before a minute, ten minutes, or a day, have passed."""


def test_the_alerts_fire_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", "rules_test.yml", folder=RULES.parent)


def test_the_example_of_a_configuration_is_one(tmp_path: Path) -> None:
    for name in ("prometheus.yml", "rules.yml"):
        (tmp_path / name).write_text((RULES.parent / name).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "page-token").write_text("a-token-for-the-pages")
    assert "SUCCESS" in promtool("check", "config", "prometheus.yml", folder=tmp_path)


def test_nothing_is_asked_for_that_is_not_measured() -> None:
    rules = [rule for group in GROUPS for rule in group["rules"]]
    recorded = {rule["record"] for rule in rules if "record" in rule}
    asked = [rule["expr"] for rule in rules] + [expression for found in PANELS.values() for expression in found]
    names = {name for expression in asked for name in re.findall(r"\baccount_lifecycle[\w:]+", expression)}
    assert names <= NAMES | recorded
    shown = {name for found in PANELS.values() for text in found for name in re.findall(r"account_lifecycle\w+", text)}
    assert {name for name in NAMES if not name.endswith(("_sum", "_count"))} <= shown | {"account_lifecycle_deliveries"}


def test_the_board_has_eight_panels_that_do_not_overlap() -> None:
    assert len(BOARD["panels"]) == 8
    places = [tuple(panel["gridPos"][side] for side in "xywh") for panel in BOARD["panels"]]
    assert len({(x, y) for x, y, _, _ in places}) == 8
    assert all((x, w, h) in ((0, 12, 8), (12, 12, 8)) for x, _, w, h in places)


# ---- A real Prometheus -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Prometheus that scrapes a server over a fleet with something for every panel."""
    prometheus, folder = program("prometheus"), tmp_path_factory.mktemp("monitored")
    with Engine.open(f"sqlite:///{folder}/a.db", observers=()) as engine:
        engine.on_action_required(_fail, name="nag", attempts=1)
        for word, account_id in (("OK", "a"), ("CREDENTIALS", "b"), ("ERROR", "c")):
            engine.feed_event(payload(word, account_id))
        with pytest.raises(PayloadError):
            engine.feed_event(b"{")
    with serving(folder / "a.db", "--no-hooks") as served:
        url = _free_url()
        configuration = _configuration(served)
        (folder / "rules.yml").write_text(RULES.read_text(encoding="utf-8").replace("interval: 1m", "interval: 1s"))
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        command = [prometheus, f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb",
                   f"--web.listen-address={url.removeprefix('http://')}"]  # fmt: skip
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(command, stdout=log, stderr=log, cwd=folder) as running,
        ):
            try:
                eventually(lambda: _is_scraped(url, served), "a scrape")
                yield url
            finally:
                running.terminate()
                running.wait(PATIENCE_S)


def _fail(call: object) -> None:
    raise RuntimeError("no")


def _free_url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def _configuration(served: Served) -> dict[str, Any]:
    """The example, for a server without a token, in a hurry."""
    found: dict[str, Any] = yaml.safe_load((RULES.parent / "prometheus.yml").read_text(encoding="utf-8"))
    [job] = found["scrape_configs"]
    del job["authorization"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{served.port}"]}]
    found["global"] = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "1s"}
    return found


def _is_scraped(url: str, served: Served) -> bool:
    """Post a webhook, and say whether its being counted was scraped often enough for a rate."""
    with served.connect() as link:
        assert post(link, OK) == 200
    time.sleep(0.2)
    try:
        return bool(ask(url, "rate(account_lifecycle_receiver_requests_total[1m]) > 0"))
    except OSError:
        return False


def ask(url: str, expression: str) -> list[Any]:
    with urlopen(f"{url}/api/v1/query?{urlencode({'query': expression})}", timeout=PATIENCE_S) as answer:
        found = json.load(answer)
    assert found["status"] == "success", found
    return list(found["data"]["result"])


@pytest.mark.parametrize("title", PANELS)
def test_each_panel_shows_something_of_a_real_server(scraped: str, title: str) -> None:
    for expression in PANELS[title]:
        found = ask(scraped, expression.replace("$job", ".*").replace("$__rate_interval", "1m"))
        assert found, expression
        assert all(series["value"][1] != "NaN" for series in found)


def test_every_rule_is_evaluated_and_those_that_should_fire_do(scraped: str) -> None:
    def rules() -> dict[str, Any]:
        with urlopen(f"{scraped}/api/v1/rules", timeout=PATIENCE_S) as answer:
            return {rule["name"]: rule for group in json.load(answer)["data"]["groups"] for rule in group["rules"]}

    eventually(lambda: {rule["health"] for rule in rules().values()} == {"ok"})
    eventually(
        lambda: {n for n, r in rules().items() if r.get("state") == "firing"} >= {"HookGivenUp", "UnreadablePayloads"}
    )
    for name in {name for name, rule in rules().items() if rule["type"] == "recording"} - NEEDS_HISTORY:
        assert ask(scraped, name), name
