"""How a browser's call begins over HTTP: offers good and bad, other sites' widgets, and a server without the extra."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.transports._peers import Phone, Reception
from tests.transports.test_sdp import OFFER
from tests.voice._door import Answer, client, get, server
from tests.voice._fakes import until
from tests.voice._stage import LOOKING

from pinecall_run.transports.contract import AdmittedCall, AudioOutlet, Caller, NotAdmittedError
from pinecall_run.voice import webrtc_door
from pinecall_run.voice.call_reception import CallReception
from pinecall_run.voice.hub import Hub
from pinecall_run.voice.surface import MAX_OFFER as MAX_BODY
from pinecall_run.voice.tokens import BadTokenError

pytestmark = pytest.mark.asyncio(loop_scope="module")

TURN = {"urls": "turn:127.0.0.1:9", "username": "u", "credential": "c"}


class Desk(Reception):
    """Redeems real tokens, as the hub does, and answers with a fake conversation."""

    hub: Hub

    def open_call(self, kind: str, token: str, outlet: AudioOutlet, caller: Caller) -> AdmittedCall:
        try:
            self.hub.tokens.redeem(kind, token, self.hub.clock())
        except BadTokenError as error:
            raise NotAdmittedError(str(error)) from error
        return super().open_call(kind, "wrt_good", outlet, caller)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk() -> Desk:
    return Desk(is_echo=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(desk: Desk) -> AsyncIterator[str]:
    def open_call(hub: CallReception, *args: Any) -> AdmittedCall:
        desk.hub = hub._hub
        return desk.open_call(*args)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
        patch.setattr(CallReception, "open_call", open_call)
        async with server(key="plain-key") as address, client(address, "desk", key="plain-key", llm=LOOKING):
            yield address


async def token(address: str) -> str:
    answer = await get(address, "/webrtc/token?agent_id=desk")
    assert answer.status == 200
    return str(answer.json["token"])


async def post(address: str, body: Any, **headers: str) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await get(address, "/webrtc/offer", method="POST", body=data, **headers)


async def test_a_call_by_http(address: str, desk: Desk) -> None:
    phone, used = Phone(), await token(address)
    said = {"sdp": await phone.offer(), "type": "offer", "token": used}
    answer = await post(address, {**said, "config": {"language": "es", "llm": "x"}, "metadata": {"page": "home"}})
    assert answer.status == 200
    assert answer.json.keys() == {"sdp", "type", "pc_id", "session_id"}
    session = desk.sessions[-1]
    assert (answer.json["type"], answer.json["session_id"]) == ("answer", session.id)
    assert (session.caller.config, session.caller.metadata) == ({"language": "es"}, {"page": "home"})
    hosts = [line.split()[4] for line in answer.json["sdp"].splitlines() if line.startswith("a=candidate")]
    assert set(hosts) == {"127.0.0.1"}
    await phone.accept(answer.json["sdp"])
    await until(lambda: len(phone.frames) > 25)
    again = await post(address, said)
    assert (again.status, "used before" in again.json["detail"]) == (403, True)
    assert not session.reason
    await phone.hang_up()
    await until(lambda: session.reason)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "not a JSON object"),
        (b"sdp=v", 400, "not a JSON object"),
        (b"[1]", 400, "not a JSON object"),
        (b'"v=0"', 400, "not a JSON object"),
        (b"\xff\xfe", 400, "not a JSON object"),
        (b"[" * 5000, 400, "not a JSON object"),
        (b"{" + b" " * MAX_BODY + b"}", 413, "at most"),
        ({}, 400, "no audio"),
        ({"sdp": 7}, 400, "sdp is not a text"),
        ({"sdp": None}, 400, "sdp is not a text"),
        ({"sdp": OFFER, "type": "answer"}, 400, "type is not offer"),
        ({"sdp": OFFER, "token": ["x"]}, 400, "token is not a text"),
        ({"sdp": OFFER, "config": "es"}, 400, "config is not an object"),
        ({"sdp": OFFER, "metadata": [1]}, 400, "metadata is not an object"),
        ({"sdp": "v=0", "token": "x"}, 400, "no audio"),
        ({"sdp": OFFER.replace("a=sendrecv", "a=recvonly")}, 400, "recvonly"),
        ({"sdp": OFFER}, 403, "not one of this server's"),
        ({"sdp": OFFER, "token": ""}, 403, "not one of this server's"),
        ({"sdp": OFFER, "token": "wrt_forged.00"}, 403, "not one of this server's"),
        ({"sdp": OFFER, "token": "wrt_\ud800.é"}, 400, "not a JSON object"),
    ],
)
async def test_offers_that_begin_no_call(address: str, desk: Desk, body: Any, status: int, says: str) -> None:
    before = len(desk.sessions)
    answer = await post(address, body)
    assert (answer.status, says in answer.json["detail"]) == (status, True), answer
    assert answer.headers["access-control-allow-origin"] == "*"
    assert len(desk.sessions) == before


async def test_tokens_of_another_kind_or_time_begin_no_call(address: str, desk: Desk) -> None:
    chat = (await get(address, "/chat/token?agent_id=desk")).json["token"]
    assert (await post(address, {"sdp": OFFER, "token": chat})).status == 403
    old = desk.hub.tokens.mint("webrtc", "desk", desk.hub.clock() - 61, scope="participate")
    refused = await post(address, {"sdp": OFFER, "token": old})
    assert (refused.status, "expired" in refused.json["detail"]) == (403, True)


async def test_a_bad_offer_does_not_use_the_token_up(address: str) -> None:
    good = await token(address)
    assert (await post(address, {"sdp": "v=0", "token": good})).status == 400
    phone = Phone()
    answer = await post(address, {"sdp": await phone.offer(), "token": good})
    assert answer.status == 200
    await phone.accept(answer.json["sdp"])
    await phone.hang_up()


async def test_too_many_at_once_are_told_to_come_again(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pinecall_run.transports.webrtc.MAX_WAITING", 0)
    assert (await post(address, {"sdp": OFFER, "token": await token(address)})).status == 503


async def test_what_fails_is_logged_without_its_text(
    address: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(*_: object) -> None:
        raise OSError("my card is 4111")

    monkeypatch.setattr("pinecall_run.transports.ice.IceConnection.gather_candidates", fail)
    answer = await post(address, {"sdp": OFFER, "token": await token(address)})
    assert (answer.status, answer.json) == (500, {"detail": "the call could not begin"})
    assert "OSError" in caplog.text
    assert "4111" not in caplog.text


async def test_a_widget_on_another_site_may_ask(address: str) -> None:
    origin = {"origin": "https://shop.example", "sec_fetch_site": "cross-site"}
    for target, method in (("/webrtc/offer", "POST"), ("/webrtc/ice-servers", "GET")):
        asked = await get(
            address,
            target,
            method="OPTIONS",
            access_control_request_method=method,
            access_control_request_headers="content-type",
            **origin,
        )
        assert asked.status == 204
        assert asked.headers["access-control-allow-origin"] == "*"
        assert method in asked.headers["access-control-allow-methods"]
        assert asked.headers["access-control-allow-headers"] == "Content-Type"
        assert "access-control-allow-credentials" not in asked.headers
    servers = await get(address, "/webrtc/ice-servers", **origin)
    assert (servers.json, servers.headers["access-control-allow-origin"]) == ({"iceServers": []}, "*")
    assert (await get(address, "/webrtc/token?agent_id=desk", **origin)).status == 401  # that is for whom it allows


async def test_ice_servers_come_from_configuration() -> None:
    async with server(ice_servers=[TURN]) as address:
        answer = await get(address, "/webrtc/ice-servers")
        assert answer.json == {"iceServers": [TURN]}
        assert answer.headers["cache-control"] == "no-store"


async def test_other_methods_are_refused(address: str) -> None:
    assert (await get(address, "/webrtc/offer")).status == 405
    assert (await get(address, "/webrtc/token", method="POST")).status == 405


async def test_without_the_extra_the_routes_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("pinecall_run.transports.webrtc")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "aiortc", None)
    async with server() as address:
        for target, method in (("token?agent_id=x", "GET"), ("ice-servers", "GET"), ("offer", "POST")):
            answer = await get(address, f"/webrtc/{target}", method=method)
            assert answer.status == 501
            assert answer.json == {"detail": webrtc_door.MISSING}
        assert "pip install 'pinecall-run[voice,local]'" in webrtc_door.MISSING
        assert (await get(address, "/webrtc/offer", method="OPTIONS")).status == 204
        assert (await get(address, "/healthz")).status == 200


async def test_a_server_that_stops_ends_its_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])
    reception = Reception()
    monkeypatch.setattr(CallReception, "open_call", lambda _, *args: reception.open_call(*args))
    async with server() as address:
        phone = Phone()
        answer = await post(address, {"sdp": await phone.offer(), "token": "wrt_good"})
        await phone.accept(answer.json["sdp"])
        await until(lambda: reception.sessions[0].heard)
    assert reception.sessions[0].reason == "server_stopped"
    await until(lambda: phone.peer.connectionState == "closed")
    await phone.hang_up()


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=50),
        st.dictionaries(
            st.sampled_from(["sdp", "type", "token", "config", "metadata", "x"]),
            st.one_of(
                st.none(),
                st.just(OFFER),
                st.just("offer"),
                st.integers(),
                st.text("v=0\r\nma", max_size=20),
                st.dictionaries(st.text("ab", max_size=2), st.none()),
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
async def test_any_body_is_refused_in_one_sentence(address: str, body: bytes) -> None:
    answer = await post(address, body)
    assert answer.status in (400, 403)
    assert answer.json.keys() == {"detail"}
