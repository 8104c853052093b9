"""A real headless Chromium calls: a recording is its microphone, what it hears is measured in the page."""

from __future__ import annotations

import asyncio
import contextlib
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aioice.ice import get_host_addresses
from playwright.async_api import Page, async_playwright
from tests.stories._browser import ARGUMENTS, CHROMIUM
from tests.transports._peers import Reception, Session, share, tone
from tests.voice._door import client, server
from tests.voice._fakes import until
from tests.voice._stage import LOOKING

from pinecall_run.audio.chunk import RATE
from pinecall_run.transports.contract import AdmittedCall
from pinecall_run.voice.call_reception import CallReception
from pinecall_run.wire.events import BotSpeaking

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")

PATIENCE = 20.0
SAID, ANSWERED = 440, 700

CALL = """async (source) => {
  const context = new AudioContext();
  await context.resume();
  let track;
  if (source === "microphone") {
    const wanted = {echoCancellation: false, noiseSuppression: false, autoGainControl: false};
    track = (await navigator.mediaDevices.getUserMedia({audio: wanted})).getAudioTracks()[0];
  } else {
    const oscillator = new OscillatorNode(context, {frequency: 440});
    const out = context.createMediaStreamDestination();
    oscillator.connect(out);
    oscillator.start();
    track = out.stream.getAudioTracks()[0];
  }
  const peer = new RTCPeerConnection(await (await fetch("/webrtc/ice-servers")).json());
  window.call = {peer, messages: [], states: []};
  peer.addTrack(track);
  peer.onconnectionstatechange = () => call.states.push(peer.connectionState);
  peer.ontrack = ({track}) => {
    const stream = new MediaStream([track]);
    const element = new Audio();
    element.srcObject = stream;
    element.muted = true;
    element.play();
    call.analyser = new AnalyserNode(context, {fftSize: 8192, smoothingTimeConstant: 0});
    context.createMediaStreamSource(stream).connect(call.analyser);
    call.rate = context.sampleRate;
  };
  call.channel = peer.createDataChannel("events", {ordered: true});
  call.channel.onmessage = ({data}) => call.messages.push(JSON.parse(data));
  await peer.setLocalDescription();
  await new Promise((done) => {
    const check = () => peer.iceGatheringState === "complete" && done();
    peer.onicegatheringstatechange = check;
    check();
    setTimeout(done, 2000);
  });
  let sdp = peer.localDescription.sdp;
  if (source === "oscillator") sdp = sdp.replace(/^(a=candidate:\\S+ 1 udp \\d+) \\S+/gm, "$1 hidden.local");
  call.offered = sdp.split("\\n").filter((line) => /^a=candidate.* udp /.test(line));
  const {token} = await (await fetch("/webrtc/token?agent_id=desk")).json();
  const answer = await fetch("/webrtc/offer", {
    method: "POST",
    headers: {"Content-Type": "application/json"},
    body: JSON.stringify({sdp, type: "offer", token, config: {language: "es"}}),
  });
  if (!answer.ok) throw new Error(await answer.text());
  await peer.setRemoteDescription(await answer.json());
}"""

LOUDEST = """() => {
  const bins = new Float32Array(call.analyser.frequencyBinCount);
  call.analyser.getFloatFrequencyData(bins);
  const at = bins.indexOf(Math.max(...bins));
  return [at * call.rate / call.analyser.fftSize, bins[at]];
}"""


@contextlib.asynccontextmanager
async def browser(recording: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Page, Reception]]:
    """A page of a running server, whose agent says a tone, and Chromium with a recording for a microphone."""
    reception = Reception(tone(ANSWERED, 60))
    patch.setattr(CallReception, "open_call", lambda _, *args: _admit(reception, *args))
    with wave.open(str(recording), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(48_000)
        file.writeframes(tone(SAID, 2, 48_000).tobytes())
    more = [
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={recording}",
        "--autoplay-policy=no-user-gesture-required",
        # Chromium calls nobody, not even on loopback, where loopback is all there is.
        *([] if get_host_addresses(use_ipv4=True, use_ipv6=True) else ["--allow-loopback-in-peer-connection"]),
    ]
    async with server() as address, client(address, "desk", llm=LOOKING), async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGUMENTS, *more])
        page = await chromium.new_page()
        await page.goto(f"http://{address}/")
        yield page, reception
        await chromium.close()


def _admit(reception: Reception, kind: str, token: str, *rest: Any) -> AdmittedCall:
    assert token.startswith("wrt_")
    return reception.open_call(kind, "wrt_good", *rest)


async def _true(page: Page, expression: str) -> None:
    """Wait for it; the page's own policy forbids playwright's way."""
    async with asyncio.timeout(PATIENCE):
        while not await page.evaluate(expression):  # noqa: ASYNC110 - the page tells nobody
            await asyncio.sleep(0.05)


async def _heard(session: Session) -> float:
    await until(lambda: len(session.heard) > 100, PATIENCE)
    return share(session.sound[-RATE:], SAID)


@pytest.mark.parametrize("source", ["microphone", "oscillator"])
async def test_chromium_is_heard_and_hears(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the microphone's permission Chromium tells its addresses; without it, names that nobody resolves."""
    async with browser(tmp_path / "said.wav", monkeypatch) as (page, reception):
        await page.evaluate(CALL, source)
        (session,) = reception.sessions
        assert session.caller.config == {"language": "es"}
        assert await _heard(session) > 0.8
        offered = await page.evaluate("call.offered")
        assert offered
        assert all((" hidden.local " in line) is (source == "oscillator") for line in offered)
        await page.wait_for_timeout(500)
        frequency, decibels = await page.evaluate(LOUDEST)
        assert abs(frequency - ANSWERED) < 20
        assert decibels > -40

        session.outlet.event(BotSpeaking(agent_id="desk", call_id="c", message_id="m", text="hello"))
        await page.evaluate("""call.channel.send("ping"); call.channel.send('{"action":"mute"}')""")
        await _true(page, "call.messages.length === 2")
        assert [frame["event"] for frame in await page.evaluate("call.messages")] == ["bot.speaking", "pong"]
        await until(lambda: session.actions == [{"action": "mute"}], PATIENCE)

        await page.evaluate("call.peer.close()")
        await until(lambda: session.reason == "disconnected", PATIENCE)


async def test_the_agent_hangs_up_on_chromium(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with browser(tmp_path / "said.wav", monkeypatch) as (page, reception):
        await page.evaluate(CALL, "microphone")
        (session,) = reception.sessions
        await until(lambda: session.heard, PATIENCE)
        await _true(page, "call.channel.readyState === 'open'")
        for number in range(200):
            session.outlet.event(BotSpeaking(agent_id="desk", call_id="c", message_id=str(number), text="x" * 500))
        session.outlet.ended("agent_hangup")
        await _true(page, "call.channel.readyState === 'closed'")
        assert len(await page.evaluate("call.messages")) == 200
        await _true(page, "call.states.some((state) => state !== 'connecting' && state !== 'connected')")


async def test_a_page_that_is_gone_ends_its_call_within_10_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with browser(tmp_path / "said.wav", monkeypatch) as (page, reception):
        await page.evaluate(CALL, "microphone")
        (session,) = reception.sessions
        await until(lambda: session.heard, PATIENCE)
        await page.close()
        await until(lambda: session.reason, 10)
        assert session.reason == "disconnected"
