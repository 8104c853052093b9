"""What a call used is added up by vendor and model, and costs what is known."""

from __future__ import annotations

from pinecall_run.providers.contracts import TokensUsed
from pinecall_run.voice.usage import Usage


def test_what_was_used_is_added_up() -> None:
    usage = Usage()
    usage.heard(("acme", "ear"), 20.0)
    usage.heard(("acme", "ear"), 10.0)
    usage.spoken(("acme", ""), 1000)
    usage.thought(("acme", "big"), TokensUsed(100, 10))
    usage.thought(("acme", "big"), TokensUsed(200, 20, cached=50))
    rates = {"acme": {"minute": 0.6, "million_characters": 50.0}, "acme:big": {"input": 10.0, "output": 40.0}}
    assert usage.told(rates) == {
        "usage": [
            {"stage": "stt", "provider": "acme", "model": "ear", "seconds": 30.0, "cost_usd": 0.3},
            {"stage": "tts", "provider": "acme", "characters": 1000, "cost_usd": 0.05},
            {"stage": "llm", "provider": "acme", "model": "big", "input": 300, "cached": 50, "output": 30,
             "cost_usd": 0.0042},
        ],
        "cost_usd": 0.3542,
        "is_cost_complete": True,
    }  # fmt: skip


def test_tokens_of_sound_are_counted_and_priced_apart() -> None:
    usage = Usage()
    for _ in range(2):
        used = TokensUsed(100, 30, cached=40, audio_input=60, audio_output=20, audio_cached=25)
        usage.thought(("openai-realtime", "gpt-realtime"), used)
    told = usage.told({})
    text, sound = (2 * (25 * 4 + 15 * 0.4 + 10 * 16)), (2 * (35 * 32 + 25 * 0.4 + 20 * 64))
    assert told["usage"] == [
        {"stage": "llm", "provider": "openai-realtime", "model": "gpt-realtime", "input": 200, "cached": 80,
         "output": 60, "audio_input": 120, "audio_cached": 50, "audio_output": 40,
         "cost_usd": round((text + sound) / 1e6, 6)},
    ]  # fmt: skip


def test_a_price_that_is_not_known_leaves_the_sum_incomplete() -> None:
    usage = Usage()
    usage.heard(("nobody", ""), 1.0)
    usage.heard(("local", ""), 1.0)
    told = usage.told({})
    assert (told["cost_usd"], told["is_cost_complete"]) == (0.0, False)
    assert "cost_usd" not in told["usage"][0]
    assert Usage().told({}) == {"usage": [], "cost_usd": 0, "is_cost_complete": True}
