"""Notices become numbers that a scraper can read, with labels that nobody outside the project chooses."""

from __future__ import annotations

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.parser import text_string_to_metric_families

from pinecall_run.live import notices
from pinecall_run.live.load import Checked
from pinecall_run.live.project import Project
from pinecall_run.telemetry.metrics import Metrics
from pinecall_run.tools.invoke import Failure
from pinecall_run.tools.usage import Usage, Used


class Told:
    """Metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.metrics = Metrics("r1", registered=lambda: 2, waiting=lambda: 3, registry=self.registry)

    def tell(self, *told: notices.Notice) -> None:
        for notice in told:
            self.metrics(notice)

    def value(self, name: str, **labels: str) -> float | None:
        """A number as a scraper reads it."""
        for family in text_string_to_metric_families(self.metrics.text().decode()):
            for sample in family.samples:
                if sample.name == f"pinecall_{name}" and sample.labels == labels:
                    return float(sample.value)
        return None


def test_the_link() -> None:
    it = Told()
    it.tell(notices.Connected(1), notices.Disconnected("gone", 1.0), notices.Connected(2))
    assert it.value("connected") == 1
    assert (it.value("connections_total"), it.value("reconnects_total")) == (2, 1)
    it.tell(notices.Disconnected("gone", 1.0))
    assert it.value("connected") == 0
    assert (it.value("agents_registered"), it.value("results_waiting")) == (2, 3)


def test_calls() -> None:
    it = Told()
    it.tell(*(notices.CallBegan("desk", call, "chat", "r1") for call in ("1", "2", "3")))
    it.tell(notices.CallOver("desk", "1", "hangup", 12.0), notices.CallOver("desk", "2", "my card is 4111", 4.0))
    assert it.value("live_calls", agent="desk") == 1
    assert it.value("calls_total", agent="desk", reason="hangup") == 1
    assert it.value("calls_total", agent="desk", reason="other") == 1
    assert it.value("call_duration_seconds_sum", agent="desk") == 16
    assert it.value("call_duration_seconds_bucket", agent="desk", le="5.0") == 1


def test_what_calls_used_of_vendors() -> None:
    it = Told()
    usage = Usage(
        (
            Used("stt", "acme", "big", {"seconds": 30.5}, 0.3),
            Used("stt", "acme", "small", {"seconds": 9.5}, 0.1),
            Used("tts", "acme", "", {"characters": 120}, 0.2),
            Used("llm", "brain", "m", {"input": 100, "cached": 60, "output": 20}, None),
        )
    )
    it.tell(notices.CallOver("desk", "1", "hangup", 40.0, usage=usage))
    assert it.value("heard_seconds_total", agent="desk", provider="acme") == 40
    assert it.value("spoken_characters_total", agent="desk", provider="acme") == 120
    kinds = {kind: it.value("tokens_total", agent="desk", provider="brain", kind=kind) for kind in ("input", "cached")}
    assert kinds == {"input": 100, "cached": 60}
    assert it.value("cost_usd_total", agent="desk", provider="acme") == pytest.approx(0.6)
    assert it.value("cost_usd_total", agent="desk", provider="brain") is None


def test_turns_and_vendors() -> None:
    it = Told()
    it.tell(notices.TurnAnswered("desk", "1", {"decided": 300.0, "heard": 640.0}))
    it.tell(notices.ProviderFailed("desk", "1", "stt", "gladia", "it ended the stream", "local"))
    assert it.value("turn_seconds_sum", agent="desk", stage="heard") == 0.64
    assert it.value("turn_seconds_bucket", agent="desk", stage="decided", le="0.3") == 1
    assert it.value("provider_failures_total", stage="stt", provider="gladia") == 1


def test_tools() -> None:
    it = Told()
    it.tell(notices.ToolRan("desk", "1", "look", 20.0, None, "{}"))
    it.tell(notices.ToolRan("desk", "1", "look", 30.0, Failure("LookupError", "4111"), "{}"))
    it.tell(notices.ToolRan("desk", "1", "4111", 0.0, Failure("unknown tool", "4111"), "{}"))
    assert it.value("tool_calls_total", agent="desk", tool="look", outcome="ok") == 1
    assert it.value("tool_calls_total", agent="desk", tool="look", outcome="error") == 1
    assert it.value("tool_calls_total", agent="desk", tool="other", outcome="unknown_tool") == 1
    assert it.value("tool_duration_seconds_sum", agent="desk", tool="look") == 0.05
    assert "4111" not in it.metrics.text().decode()


def test_reloads_and_the_revision() -> None:
    it = Told()
    assert it.value("reloads_total", outcome="refused") == 0, "a rate needs a beginning"
    it.tell(notices.Reloaded("r2", [], {}))
    assert it.value("reloads_total", outcome="applied") == 1
    assert it.value("revision_info", revision="r2") == 1
    assert it.value("revision_info", revision="r1") is None


def test_every_way_not_to_be_reloaded_is_refused() -> None:
    it = Told()
    checked = Checked(Project.at(Path()))
    it.tell(notices.ReloadRefused(checked), notices.ReloadRejected([("desk", "4111")]), notices.ReloadFailed("4111"))
    assert it.value("reloads_total", outcome="refused") == 3
    assert "4111" not in it.metrics.text().decode()


def test_frames_that_nothing_came_of() -> None:
    it = Told()
    for is_first in (True, False, False):
        it.tell(notices.FrameIgnored("x4111", "unknown event", "", is_first))
    it.tell(notices.FrameIgnored("turn.end", "malformed", "at `$.text`", True))
    assert it.value("frames_ignored_total", reason="unknown_event") == 3
    assert it.value("frames_ignored_total", reason="malformed") == 1
    assert "4111" not in it.metrics.text().decode()


def test_stalls() -> None:
    it = Told()
    it.tell(notices.LoopBlocked("a.py", 3, 1.5), notices.LoopBlocked("a.py", 3, 0.75))
    assert it.value("event_loop_blocked_seconds_total") == 2.25


def test_a_projects_own_metrics_are_told_beside_ours() -> None:
    it = Told()
    Counter("shop_orders", "Orders.", registry=it.registry).inc()
    assert b"shop_orders_total 1.0" in it.metrics.text()
