"""What a runner did, for Prometheus: notices counted, and two states read when asked.

Labels hold names of the project's own and words of :mod:`.labels`, so their number is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from pinecall_run.live import notices
from pinecall_run.telemetry.labels import end_reason, outcome, tool_label
from pinecall_run.tools.usage import Used

CONTENT_TYPE = CONTENT_TYPE_LATEST

CALL_SECONDS = (5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
TURN_SECONDS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.85, 1, 1.25, 1.5, 2, 3, 5, 10)
TOOL_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """Fed with notices. ``registered`` and ``waiting`` are asked, in any thread, whenever somebody reads.

    In the library's own ``registry``, a project's metrics are told beside ours.
    """

    def __init__(
        self,
        revision: str,
        *,
        registered: Callable[[], int],
        waiting: Callable[[], int],
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._registry = registry

        def named(kind: Callable[..., Any], name: str, sentence: str, *labels: str, **more: Any) -> Any:
            return kind(f"pinecall_{name}", sentence, labels, registry=registry, **more)

        self._connected = named(Gauge, "connected", "1 while the voice server is connected, else 0.")
        self._connections = named(Counter, "connections", "Connections that the voice server accepted.")
        self._reconnects = named(Counter, "reconnects", "Connections after the first.")
        named(Gauge, "agents_registered", "Agents that the voice server has taken.").set_function(registered)
        self._live = named(Gauge, "live_calls", "Calls that go on.", "agent")
        self._calls = named(Counter, "calls", "Calls that are over, by why they ended.", "agent", "reason")
        sentence = "How long calls took."
        self._call_seconds = named(Histogram, "call_duration_seconds", sentence, "agent", buckets=CALL_SECONDS)
        self._tools = named(Counter, "tool_calls", "Tool calls, by what they came to.", "agent", "tool", "outcome")
        sentence = "How long tools ran, their wait for a turn included."
        self._tool_seconds = named(Histogram, "tool_duration_seconds", sentence, "agent", "tool", buckets=TOOL_SECONDS)
        sentence = "Answers to tool calls that the voice server has not shown to have."
        named(Gauge, "results_waiting", sentence).set_function(waiting)
        sentence = "From the end of the caller's voice to each stage of the answer; `heard` is what they wait."
        self._turns = named(Histogram, "turn_seconds", sentence, "agent", "stage", buckets=TURN_SECONDS)
        sentence = "Vendors that failed in a call."
        self._failed = named(Counter, "provider_failures", sentence, "stage", "provider")
        self._heard = named(Counter, "heard_seconds", "Sound that went to speech to text.", "agent", "provider")
        self._spoken = named(Counter, "spoken_characters", "Text that went to voices.", "agent", "provider")
        sentence = "Tokens of language models; `cached` ones are among the `input`."
        self._tokens = named(Counter, "tokens", sentence, "agent", "provider", "kind")
        sentence = "What vendors ask for it in US dollars, as far as prices are known."
        self._cost = named(Counter, "cost_usd", sentence, "agent", "provider")
        self._reloads = named(Counter, "reloads", "Changed projects, by what came of them.", "outcome")
        sentence = "Frames of the voice server that nothing came of."
        self._ignored = named(Counter, "frames_ignored", sentence, "reason")
        self._revision = named(Info, "revision", "The revision that new calls begin with.")
        sentence = "Time for which a line of the project's code kept the event loop from turning, if 0.5 s or more."
        self._blocked = named(Counter, "event_loop_blocked_seconds", sentence)
        self._revision.info({"revision": revision})
        for result in ("applied", "refused"):
            self._reloads.labels(result)

    def __call__(self, notice: notices.Notice) -> None:
        """Count a notice, if it counts."""
        handler = _HANDLERS.get(type(notice))
        if handler is not None:
            handler(self, notice)

    def text(self) -> bytes:
        """Everything in the text format of Prometheus (:data:`CONTENT_TYPE`); may be called in any thread."""
        return generate_latest(self._registry)

    def _on_connected(self, notice: notices.Connected) -> None:
        self._connected.set(1)
        self._connections.inc()
        if notice.count > 1:
            self._reconnects.inc()

    def _on_disconnected(self, notice: notices.Disconnected) -> None:
        self._connected.set(0)

    def _on_began(self, notice: notices.CallBegan) -> None:
        self._live.labels(notice.agent).inc()

    def _on_over(self, notice: notices.CallOver) -> None:
        self._live.labels(notice.agent).dec()
        self._calls.labels(notice.agent, end_reason(notice.reason)).inc()
        self._call_seconds.labels(notice.agent).observe(notice.seconds)
        for used in notice.usage.vendors if notice.usage is not None else ():
            self._on_used(notice.agent, used)

    def _on_used(self, agent: str, used: Used) -> None:
        for name, amount in used.amounts.items():
            if name == "seconds":
                self._heard.labels(agent, used.provider).inc(amount)
            elif name == "characters":
                self._spoken.labels(agent, used.provider).inc(amount)
            else:
                self._tokens.labels(agent, used.provider, name).inc(amount)
        if used.cost_usd is not None:
            self._cost.labels(agent, used.provider).inc(used.cost_usd)

    def _on_tool(self, notice: notices.ToolRan) -> None:
        tool = tool_label(notice.tool, notice.failure)
        self._tools.labels(notice.agent, tool, outcome(notice.failure)).inc()
        self._tool_seconds.labels(notice.agent, tool).observe(notice.milliseconds / 1000)

    def _on_reloaded(self, notice: notices.Reloaded) -> None:
        self._reloads.labels("applied").inc()
        self._revision.info({"revision": notice.revision})

    def _on_refused(self, notice: notices.Notice) -> None:
        self._reloads.labels("refused").inc()

    def _on_ignored(self, notice: notices.FrameIgnored) -> None:
        self._ignored.labels(notice.reason.replace(" ", "_")).inc()

    def _on_answered(self, notice: notices.TurnAnswered) -> None:
        for stage, milliseconds in notice.stages.items():
            self._turns.labels(notice.agent, stage).observe(milliseconds / 1000)

    def _on_provider_failed(self, notice: notices.ProviderFailed) -> None:
        self._failed.labels(notice.stage, notice.provider).inc()

    def _on_blocked(self, notice: notices.LoopBlocked) -> None:
        self._blocked.inc(notice.seconds)


_HANDLERS: Mapping[type[notices.Notice], Callable[[Metrics, Any], None]] = {
    notices.Connected: Metrics._on_connected,
    notices.Disconnected: Metrics._on_disconnected,
    notices.CallBegan: Metrics._on_began,
    notices.CallOver: Metrics._on_over,
    notices.ToolRan: Metrics._on_tool,
    notices.TurnAnswered: Metrics._on_answered,
    notices.ProviderFailed: Metrics._on_provider_failed,
    notices.Reloaded: Metrics._on_reloaded,
    notices.ReloadRefused: Metrics._on_refused,
    notices.ReloadRejected: Metrics._on_refused,
    notices.ReloadFailed: Metrics._on_refused,
    notices.FrameIgnored: Metrics._on_ignored,
    notices.LoopBlocked: Metrics._on_blocked,
}
