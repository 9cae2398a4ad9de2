"""What Prometheus is told, and that what is drawn and alerted on is there; and the canary."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import dramatiq
import pytest
import yaml
from play import working
from real_server import eventually

from okos.mailbox import MailboxBroker
from okos.middleware import Metrics, Retry
from okos.operate.health import Canary, check_health
from okos.operate.prometheus import metric_names, render_metrics
from okos.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCKER = Path(__file__).parents[2] / "docker"
SETTINGS = Settings.model_validate({"telegram": {"bot_token": "7:secret"}})


@pytest.fixture
def broker(url: str, namespace: str) -> Iterator[MailboxBroker]:
    broker = MailboxBroker(url, namespace=namespace, lease_ms=600, middleware=[Metrics(), Retry(max_retries=0)])

    @dramatiq.actor(broker=broker, queue_name="maintenance")
    def canary() -> None:
        pass

    @dramatiq.actor(broker=broker)
    def text() -> None:
        pass

    yield broker
    broker.flush_all()
    broker.close()


def samples(text: str) -> dict[str, float]:
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines() if line[0] != "#"}


def test_counters_are_of_all_processes_and_histograms_rise(broker: MailboxBroker) -> None:
    with working(broker):
        for _ in range(3):
            broker.get_actor("text").send()
        broker.join("default", timeout=60_000)
        eventually(lambda: broker.measures().run.count == 3)
        middleware = next(one for one in broker.middleware if isinstance(one, Metrics))
        middleware.meter.count("prompt_tokens", 12)
        eventually(lambda: broker.measures().totals)

        found = samples(render_metrics(broker, SETTINGS))

    assert found["okos_messages_done_total"] == 3
    assert (
        found['okos_run_seconds_bucket{actor="text",le="+Inf"}'] == found['okos_run_seconds_count{actor="text"}'] == 3
    )
    buckets = [value for name, value in found.items() if name.startswith('okos_wait_seconds_bucket{actor="text"')]
    assert buckets == sorted(buckets)
    assert found['okos_tokens_total{kind="prompt"}'] == 12
    assert found["okos_gateway_up"] == 0
    assert {name.partition("{")[0] for name in found} == metric_names()


@pytest.mark.parametrize("name", ["prometheus/rules.yaml", "grafana/dashboards/okos.json"])
def test_every_metric_that_is_used_exists(name: str) -> None:
    used = set(re.findall(r"\bokos_\w+", (DOCKER / name).read_text(encoding="utf-8")))

    assert used
    assert used - metric_names() == set()


def test_every_alert_says_what_to_do() -> None:
    rules = yaml.safe_load((DOCKER / "prometheus" / "rules.yaml").read_text(encoding="utf-8"))["groups"][0]["rules"]

    assert len(rules) == len({rule["alert"] for rule in rules})
    assert all({"expr", "labels"} <= rule.keys() for rule in rules)
    assert all({"summary", "action"} <= rule["annotations"].keys() for rule in rules)


def test_no_panel_of_the_dashboard_is_empty_or_covers_another() -> None:
    panels = json.loads((DOCKER / "grafana" / "dashboards" / "okos.json").read_text(encoding="utf-8"))["panels"]
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]

    assert all(panel["targets"] for panel in panels)
    assert len(cells) == len(set(cells))


def test_a_canary_comes_back_through_a_worker_and_leaves_nothing(broker: MailboxBroker) -> None:
    before = broker.stats()
    with working(broker):
        broker.pause()
        found = Canary(broker, timeout_s=30).check()
        broker.resume()

    assert (found.ready, found.reason) == (True, "")
    assert broker.stats() == before


def test_without_a_worker_it_does_not_and_is_called_back(broker: MailboxBroker) -> None:
    found = Canary(broker, timeout_s=0.1).check()

    assert (found.ready, found.reason) == (False, "no worker is alive")
    assert (broker.stats().waiting, broker.stats().dead) == (0, 0)


def test_a_store_that_is_away_is_neither_healthy_nor_ready() -> None:
    away = MailboxBroker("unix:///nowhere", middleware=[])

    assert not check_health(away).ok
    assert not Canary(away).check().ready
    away.close()
