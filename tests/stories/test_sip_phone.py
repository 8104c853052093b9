"""Telephone calls over SIP, by sipp and packets of sound that are not ours: answered, heard, keyed, ended by either."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from tests.sip._sipp import LOOPBACK, needs_sipp
from tests.stories._phone_sound import spoken
from tests.stories._sip_phone import LOBBY, lobby, player
from tests.voice._fakes import until
from tests.voice._speech import needs_flite

pytestmark = [needs_sipp, needs_flite]


async def test_somebody_calls_asks_is_answered_and_hangs_up(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, player() as phone:
        calling = line.call(phone, stays=6000)
        started = await line.runner.until("call.started", transport="phone")
        assert (started["from"], started["to"]) == ("+15550001111", LOBBY)
        await line.runner.until("bot.finished")
        assert len(phone.loud) > 20, "the greeting was heard"
        phone.say(spoken("where is my order"))
        assert (await line.runner.until("user.message"))["text"] == "Where is my order?"
        await line.runner.until("bot.finished")
        await calling
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"
        steps = {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(phone.got)}
        times = {(b.timestamp - a.timestamp) & 0xFFFFFFFF for a, b in pairwise(phone.got)}
        assert (steps, times) == ({1}, {160}), "sound without a gap"
        assert phone.report_count >= 1


async def test_keys_go_both_ways(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, player() as phone:
        calling = line.call(phone, stays=4000)
        call_id = (await line.runner.until("call.started"))["call_id"]
        await until(lambda: phone.to is not None)
        await phone.press("4")
        await phone.press("#")
        first = await line.runner.until("call.dtmf_received")
        second = await line.runner.until("call.dtmf_received")
        assert [(each["digit"], each["digits"]) for each in (first, second)] == [("4", "4"), ("#", "4#")]
        await line.runner.send("call.dtmf", call_id=call_id, digits="7*")
        await line.runner.until("call.dtmf_sent")
        await until(lambda: sum(packet.payload_type == 101 for packet in phone.got) == 20)
        keys = [packet for packet in phone.got if packet.payload_type == 101]
        assert {packet.payload[0] for packet in keys[:10]} == {7}
        assert {packet.payload[0] for packet in keys[10:]} == {10}
        assert len({packet.timestamp for packet in keys}) == 2
        assert [packet.marker for packet in keys] == ([True] + [False] * 9) * 2
        assert [packet.payload[1] >> 7 for packet in keys] == ([0] * 7 + [1] * 3) * 2
        await calling


async def test_the_agent_hangs_up(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, player() as phone:
        calling = line.call(phone, scenario="hung_up_on.xml")
        call_id = (await line.runner.until("call.started"))["call_id"]
        await line.runner.until("bot.finished")
        await line.runner.send("call.hangup", call_id=call_id)
        assert (await line.runner.until("call.ended"))["reason"] == "client_hangup"
        await calling
        count = len(phone.got)
        await asyncio.sleep(0.1)
        assert len(phone.got) <= count + 1, "nothing is sent after the end"


async def test_who_vanishes_is_gone_after_the_silence(tmp_path: Path) -> None:
    async with lobby(tmp_path, sip={"silence_seconds": 1}) as line, player() as phone:
        calling = line.call(phone, scenario="hung_up_on.xml")
        await line.runner.until("bot.finished")
        assert "call.ended" not in await line.runner.so_far(), "who is silent in packets is there"
        phone.is_sending = False
        began = asyncio.get_running_loop().time()
        assert (await line.runner.until("call.ended"))["reason"] == "disconnected"
        assert 0.9 < asyncio.get_running_loop().time() - began < 2.5
        await calling


async def test_who_holds_may_be_silent_and_hears_nothing(tmp_path: Path) -> None:
    async with lobby(tmp_path, sip={"silence_seconds": 1}) as line, player() as phone:
        phone.is_sending = False
        calling = line.call(phone, scenario="holding.xml", stays=2500)
        await line.runner.until("call.started")
        await calling
        assert len(phone.got) < 25, "nothing is sent to who holds"
        assert (await line.runner.until("call.ended"))["reason"] == "hangup"


async def test_forged_sound_and_keys_are_not_taken(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, player() as phone, player() as forger:
        calling = line.call(phone, stays=3000)
        await until(lambda: phone.to is not None)
        await line.runner.until("bot.finished")
        forger.to = phone.to
        forger.say(spoken("where is my order"))
        await forger.press("9")
        await asyncio.sleep(1.2)
        assert forger.got == []
        await calling
        names = {frame["event"] for frame in line.runner.frames} | set(await line.runner.so_far())
        assert not names & {"call.dtmf_received", "user.message", "user.speaking"}


@pytest.mark.parametrize("way", ["u1", "t1"])
async def test_twenty_at_once(tmp_path: Path, way: str) -> None:
    async with lobby(tmp_path) as line, contextlib.AsyncExitStack() as stack:
        phones = [await stack.enter_async_context(player()) for _ in range(20)]
        calling = line.call_all(phones, "-t", way, stays=3000)
        reasons = [(await line.runner.until("call.ended"))["reason"] for _ in range(20)]
        await calling
        assert reasons == ["hangup"] * 20
        assert len({frame["call_id"] for frame in line.runner.frames if frame["event"] == "call.started"}) == 20
        assert [len(phone.loud) > 20 for phone in phones] == [True] * 20, "each heard the greeting"
        for phone in phones:
            assert {(b.sequence - a.sequence) & 0xFFFF for a, b in pairwise(phone.got)} == {1}


@pytest.mark.parametrize(("domain", "status"), [("other.example", 404), (LOOPBACK, 200)])
async def test_the_address_decides(tmp_path: Path, domain: str, status: int) -> None:
    async with lobby(tmp_path) as line, player() as phone:
        scenario = "phone.xml" if status == 200 else f"turned_away_{status}.xml"
        await line.call(phone, scenario=scenario, stays=100, domain=domain)


async def test_who_is_nobody_is_refused(tmp_path: Path) -> None:
    async with lobby(tmp_path, sip={"trunks": [{"peers": ["192.0.2.0/24"]}]}) as line, player() as phone:
        await line.call(phone, scenario="turned_away_403.xml")
        assert "call.started" not in await line.runner.so_far()


async def test_a_password_lets_in(tmp_path: Path) -> None:
    users = [{"username": "ana", "password": "secret"}]
    async with lobby(tmp_path, sip={"trunks": users, "algorithms": ["MD5"]}) as line, player() as phone:
        await line.call(phone, "-au", "ana", "-ap", "secret", scenario="with_password.xml", stays=100)
        with pytest.raises(AssertionError, match="401"):
            await line.call(phone, "-au", "ana", "-ap", "guess", scenario="with_password.xml", seconds=4)


async def test_what_rings_may_be_rejected(tmp_path: Path) -> None:
    async with lobby(tmp_path, ringing=True) as line, player() as phone:
        calling = line.call(phone, scenario="turned_away_603.xml")
        ringing = await line.runner.until("call.ringing")
        await line.runner.send("call.reject", agent_id="desk", call_id=ringing["call_id"], reason="rejected")
        await line.runner.until("call.rejected")
        await calling


@pytest.mark.parametrize(
    ("to", "contact"),
    [
        ("sip:sales@acme.example", "<sip:sales@acme.example>"),
        ("+1 (555) 765-4321", f"<sip:+15557654321@{LOOPBACK}>"),  # the host that it comes from
    ],
)
async def test_a_call_that_rings_is_sent_to_somebody_else(tmp_path: Path, to: str, contact: str) -> None:
    async with lobby(tmp_path, ringing=True) as line, player() as phone:
        calling = line.call(phone, "-key", "contact", contact, scenario="sent_away.xml")
        ringing = await line.runner.until("call.ringing")
        await line.runner.send("call.forward", call_id=ringing["call_id"], to=to)
        assert (await line.runner.until("call.forwarded"))["call_id"] == ringing["call_id"]
        await calling
        assert not {"call.started", "call.rejected"} & set(await line.runner.so_far())


async def test_a_call_that_cannot_be_sent_away_is_taken(tmp_path: Path) -> None:
    async with lobby(tmp_path, ringing=True) as line, player() as phone:
        calling = line.call(phone, stays=500)
        ringing = await line.runner.until("call.ringing")
        await line.runner.send("call.forward", call_id=ringing["call_id"], to="sip:<")
        assert "sip:< is no address" in (await line.runner.until("error", code="FORWARD_FAILED"))["error"]
        await line.runner.until("call.started")
        await calling


async def test_a_flood_of_garbage_makes_no_sound_late(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, player() as phone:
        calling = line.call(phone, stays=5000)
        await until(lambda: len(phone.got) > 20)
        flood = await asyncio.create_subprocess_exec(sys.executable, "-c", FLOOD, str(line.port), str(phone.to[1]))
        await asyncio.sleep(0.5)
        start = len(phone.got)
        await flood.wait()
        times = [packet.at for packet in phone.got[start:]]
        await calling
        first = min(at - number * 0.02 for number, at in enumerate(times))
        late = sorted(at - first - number * 0.02 for number, at in enumerate(times))
        assert len(times) > 120
        assert late[int(len(late) * 0.99)] < 0.02


FLOOD = """
import os, socket, sys, time
ways = [("127.0.0.1", int(port)) for port in sys.argv[1:]]
way, began = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), time.monotonic()
for number in range(3000):
    head = (b"INVITE sip:a@b SIP/2.0\\r\\n", b"", b"SIP/2.0 200 OK\\r\\n\\r\\n")[number % 3]
    way.sendto(head + os.urandom(300), ways[number % 2])
    time.sleep(max(began + number / 1000 - time.monotonic(), 0))
"""


async def test_a_caller_gives_up_while_it_rings(tmp_path: Path) -> None:
    async with lobby(tmp_path, ringing=True) as line, player() as phone:
        await line.call(phone, scenario="giving_up.xml")
        assert (await line.runner.until("call.rejected"))["reason"] == "hangup"
        assert "call.started" not in [frame["event"] for frame in line.runner.frames] + await line.runner.so_far()


async def test_a_key_comes_as_info_and_a_law_is_the_callers(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, player() as phone:
        await line.call(phone, scenario="caller.xml")
        assert (await line.runner.until("call.dtmf_received"))["digit"] == "#"
        await line.call(phone, codec=8, stays=500)
        assert {packet.payload_type for packet in phone.got} == {8}


async def test_an_agent_that_cannot_hear_is_not_there(tmp_path: Path) -> None:
    async with lobby(tmp_path) as line, player() as phone:
        await line.runner.send("agent.configure", agent_id="desk", stt="deepgram")
        await line.call(phone, scenario="turned_away_480.xml")


async def test_the_server_stops_in_good_order(tmp_path: Path) -> None:
    async with player() as phone:
        async with lobby(tmp_path) as line:
            calling = line.call(phone, scenario="hung_up_on.xml")
            await line.runner.until("bot.speaking")
        await calling
