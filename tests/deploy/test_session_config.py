"""What the server is told of how calls listen and sound."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pinecall_run.config.channels import ChannelRef
from pinecall_run.config.model import Agent, Channel, PromptSource
from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.deploy.session_config import media, session_config
from pinecall_run.wire.absent import UNSET


def agent(**fields: Any) -> Agent:
    return replace(Agent("desk", PromptSource(text="p")), **fields)


@pytest.mark.parametrize(
    ("fields", "config"),
    [
        ({}, {}),
        (
            {"turn_detection": "silence", "vad": {"threshold": 0.4}},
            {"turn_detection": "silence", "vad": {"threshold": 0.4}},
        ),
        (
            {"turn_detection": {"smart_turn_model": "m.onnx", "mode": "smart_turn"}},
            {"turn_detection": {"smart_turn_model": "/project/m.onnx", "mode": "smart_turn"}},
        ),
        ({"recording": False}, {}),
        ({"recording": True}, {"recording_dir": "/project/recordings"}),
        ({"recording": {"dir": "/var/calls"}}, {"recording_dir": "/var/calls"}),
        ({"background": "a.wav"}, {"background": {"file": "/project/a.wav", "volume": 0.2}}),
        ({"background": {"file": "a.wav", "volume": 0}}, {"background": {"file": "/project/a.wav", "volume": 0}}),
        ({"hold_music": "b.wav"}, {"hold_music": "/project/b.wav"}),
        ({"apology": {"en": "Sorry."}}, {"apology": {"en": "Sorry."}}),
        ({"limits": {"max_calls": 3, "overflow": "Busy."}}, {"limits": {"max_calls": 3, "overflow": "Busy."}}),
        (
            {"analysis": {"audio_metrics": True, "audio_metrics_interval_ms": 50}},
            {"analysis": {"send_audio_metrics": True, "audio_metrics_interval_ms": 50}},
        ),
    ],
)
def test_each_key_has_its_place(fields: dict[str, Any], config: dict[str, Any]) -> None:
    assert session_config(agent(**fields), "/project") == config


def test_a_server_elsewhere_is_told_nothing_of_files_here() -> None:
    said = agent(
        turn_detection={"mode": "smart_turn", "smart_turn_model": "m.onnx"},
        recording={"dir": "x"},
        background="a.wav",
        hold_music="b.wav",
        apology="Sorry.",
    )
    assert session_config(said, None) == {"turn_detection": {"mode": "smart_turn"}, "apology": "Sorry."}
    assert media(said) == {"recording": True}


def test_nobody_listens_unless_the_project_says_so() -> None:
    assert [media(agent(live=live)) for live in (None, False, True)] == [{}, {}, {"live": True}]
    assert media(agent(live=True, recording=True)) == {"recording": True, "live": True}


@pytest.mark.parametrize("recording", [None, False])
def test_nothing_is_recorded_unless_the_project_asks(recording: Any) -> None:
    create = DeployedAgent(agent(recording=recording), "p", folder="/project").registration().create
    assert create.media is UNSET
    assert create.config is UNSET


def test_a_channel_that_listens_in_its_own_way_is_told_all_of_it() -> None:
    said = agent(
        vad={"threshold": 0.4},
        turn_detection="native",
        hold_music="b.wav",
        channels=(
            Channel(ChannelRef("webrtc"), {"turn_detection": "silence", "language": "es"}),
            Channel(ChannelRef("chat"), {"language": "es"}),
        ),
    )
    one, other = DeployedAgent(said, "p", folder="/project").registration().channels
    assert one.config == {"vad": {"threshold": 0.4}, "turn_detection": "silence", "hold_music": "/project/b.wav"}
    assert one.language == "es"
    assert other.config is UNSET


def test_prices_of_the_project_go_with_every_agent_and_channel() -> None:
    prices = {"openai": {"input": 1.0}}
    said = agent(channels=(Channel(ChannelRef("webrtc", ""), {"vad": {"threshold": 0.6}}),))
    found = DeployedAgent(said, "p", prices=prices).registration()
    assert found.create.config == {"prices": prices}
    assert found.channels[0].config == {"vad": {"threshold": 0.6}, "prices": prices}
    assert DeployedAgent(said, "p").registration().create.config is UNSET
