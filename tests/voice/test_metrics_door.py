"""``/metrics``: for the key's holder, in a form that Prometheus reads."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families
from tests.voice._door import chat, client, get, server
from tests.voice._stage import KEY, LOOKING

from pinecall_run.transports.refusals import KINDS


async def test_it_is_for_developers_only() -> None:
    async with server(open_on_loopback=False) as address:
        assert (await get(address, "/metrics")).status == 401
        answer = await get(address, "/metrics", authorization=f"Bearer {KEY}")
        assert (answer.status, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


async def test_every_counter_is_there_before_it_counts_and_conversations_are_by_agent() -> None:
    name = 'odd"\\name'
    async with server() as address, client(address, name, "desk", llm=LOOKING), chat(address, name):
        text = (await get(address, "/metrics")).body.decode()
        found = {family.name: family for family in text_string_to_metric_families(text)}
        refused = {(s.labels["door"], s.labels["kind"]): s.value for s in found["pinecall_server_refused"].samples}
        every = {(door, kind.replace(" ", "_")) for door, kinds in KINDS.items() for kind in kinds}
        assert refused == dict.fromkeys(every, 0)
        talking = found["pinecall_server_conversations"].samples
        assert [(sample.labels, sample.value) for sample in talking] == [({"agent": name}, 1)]
