"""Opening sessions of OpenAI's Realtime API: options, keys, and every way not to be let in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.emulators.realtime_server import realtime_server
from tests.emulators.trouble import Trouble

from pinecall_run.providers import realtime_model
from pinecall_run.providers.catalogue import open_duplex
from pinecall_run.providers.contracts import ModelSpec, ProviderError
from pinecall_run.providers.realtime_model import RealtimeModel


def spec(model: str = "gpt-realtime", **options: Any) -> ModelSpec:
    return ModelSpec("openai-realtime", model, options)


def test_without_a_key_it_says_what_to_set() -> None:
    with pytest.raises(ProviderError, match="needs a key") as caught:
        open_duplex(spec(), {})
    assert (caught.value.kind, caught.value.hint) == ("missing", "set OPENAI_API_KEY where the voice server runs")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"temperature": 0.3}, "temperature"),
        ({"speed": 2}, "speed"),
        ({"max_tokens": 5000}, "max_tokens"),
        ({"transcription": "nova-3"}, "transcription"),
        ({"transcription": "whisper-1", "keywords": ["Acme"]}, "keywords"),
        ({"eagerness": "high", "silence_ms": 300}, "eagerness"),
    ],
)
def test_an_option_that_it_does_not_take_is_refused_by_its_name(options: dict[str, Any], name: str) -> None:
    with pytest.raises(ProviderError, match=f"`{name}`") as caught:
        open_duplex(spec(**options), {"OPENAI_API_KEY": "k"})
    assert caught.value.kind == "request"


def test_the_address_is_the_vendor_s_unless_it_is_said() -> None:
    model = open_duplex(spec(), {"OPENAI_API_KEY": "k"})
    assert isinstance(model, RealtimeModel)
    assert model.address.url == "wss://api.openai.com/v1/realtime?model=gpt-realtime"
    assert "'k'" not in repr(model.address)


async def test_every_option_is_taken_by_the_vendor() -> None:
    options = {"voice": "cedar", "speed": 1.1, "max_tokens": 300, "noise_reduction": "near_field", "silence_ms": 300}
    async with realtime_server() as server:
        stream = await open_duplex(spec(**options, keywords=["Acme"]), server.environ).open("es-MX")
        await stream.close()
        later = spec("gpt-realtime-2.1", reasoning="low", eagerness="auto")
        await (await open_duplex(later, server.environ).open("")).close()
    first, second = (event["session"] for event in server.events if event["type"] == "session.update")
    assert first["audio"]["output"]["voice"] == "cedar"
    assert first["audio"]["input"]["transcription"]["language"] == "es"
    assert second["reasoning"] == {"effort": "low"}
    assert server.open_connections == 0


async def refusal(server: Any, model: str = "gpt-realtime", **environ: str) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await open_duplex(spec(model), {**server.environ, **environ}).open("en")
    assert "sk-wrong" not in str(caught.value)
    return caught.value


async def test_whatever_keeps_it_out_is_named() -> None:
    async with realtime_server() as server:
        wrong = await refusal(server, OPENAI_API_KEY="sk-wrong")
        assert (wrong.kind, wrong.hint) == ("key", "check OPENAI_API_KEY where the voice server runs")
        assert (await refusal(server, "gpt-realtime-9")).kind == "request"
        for status, kind in ((403, "key"), (429, "rate_limit"), (500, "unavailable")):
            server.trouble = Trouble("refuse", status=status, times=1, headers={"Retry-After": "2"})
            assert (await refusal(server)).kind == kind
        server.kill()
        assert (await refusal(server)).kind in ("network", "garbage")


async def test_a_vendor_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realtime_model, "OPEN_SECONDS", 0.1)
    async with realtime_server() as server:
        server.trouble = Trouble("hang", times=1)
        assert (await refusal(server)).kind == "timeout"
        await asyncio.sleep(0.05)
        assert server.open_connections == 0
