"""HTTP: ``/metrics``, what the server counts, in the text format of Prometheus (version 0.0.4); for developers only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pinecall_run.transports.refusals import Refusals
from pinecall_run.voice.admission import Access, Policy
from pinecall_run.voice.token_door import refusal, visitor

PATH = "/metrics"

_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class MetricsDoor:
    """The route. ``talking`` says how many conversations each agent has."""

    def __init__(self, policy: Policy, refusals: Refusals, talking: Callable[[], Mapping[str, int]]) -> None:
        self._policy = policy
        self._refusals = refusals
        self._talking = talking

    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return [Route(PATH, self._metrics)]

    async def _metrics(self, request: Request) -> Response:
        if self._policy.access(visitor(request)) is not Access.DEVELOPER:
            return refusal(401, "the server's key is needed: Authorization: Bearer KEY")
        return Response("".join(f"{line}\n" for line in self._lines()), media_type=_TYPE)

    def _lines(self) -> Iterator[str]:
        sentence = "What the doors refused or ignored."
        counts = (({"door": door, "kind": kind.replace(" ", "_")}, n) for door, kind, n in self._refusals.all())
        yield from _metric("pinecall_server_refused_total", "counter", sentence, counts)
        talking = (({"agent": agent}, n) for agent, n in sorted(self._talking().items()))
        yield from _metric("pinecall_server_conversations", "gauge", "Conversations that go on.", talking)


def _metric(name: str, kind: str, sentence: str, values: Iterable[tuple[Mapping[str, str], int]]) -> Iterator[str]:
    yield f"# HELP {name} {sentence}"
    yield f"# TYPE {name} {kind}"
    for labels, value in values:
        written = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{written}}} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
