"""Rules about models that hear and speak themselves."""

from __future__ import annotations

import pytest
from tests.config._world import agent_yaml, codes

REMOTE = "server: {url: wss://voice.example}\n"


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        ("model: openai/gpt-realtime\nchannels: [webrtc]", []),
        ("model: openai-realtime:gpt-realtime\nchannels: [webrtc]", []),
        ("model: {model: gpt-realtime}\nchannels: [webrtc]", []),
        ("model: gpt-4.1\nvoice: local\nstt: local\nchannels: [chat]", []),
        ("model: {function: a.b}\nvoice: local", []),
        ("model: gpt-realtime\nvoice: local\nstt: local\nchannels: [webrtc]", [(6, 5), (7, 5)]),
        ("model: gpt-realtime\nvad: {}\nturn_detection: silence", [(6, 5), (7, 5)]),
        ("model: gpt-realtime\nchannels: [webrtc, chat]", [(6, 24)]),
    ],
)
def test_what_a_realtime_model_replaces_has_no_effect(rest: str, expected: list[tuple[int, int]]) -> None:
    assert sorted(codes(agent_yaml(rest))) == [("PCR522", line, column) for line, column in expected]


def test_a_server_elsewhere_may_type_with_it() -> None:
    assert codes(REMOTE + agent_yaml("model: gpt-realtime\nchannels: [chat]")) == []
