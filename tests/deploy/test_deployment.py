"""A deployment's frames say what the configuration says, and its revision changes with anything that runs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pinecall_run.config.channels import ChannelRef
from pinecall_run.config.model import Agent, Channel, Config, PromptSource, Server, Tool
from pinecall_run.deploy.deployment import DeployedAgent, Deployment, deploy
from pinecall_run.tools.binding import Binding
from pinecall_run.wire.codec import encode
from pinecall_run.wire.registration import Registration

ROOT = Path(__file__).parents[2]
SCRIPT = {"rules": [{"when": "hi", "reply": "Hello."}], "otherwise": "What?"}
OTHER = {**SCRIPT, "otherwise": "Hm?"}


def tool(name: str, description: str = "Looks an order up.") -> Binding:
    parameters = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
    return Binding(name, print, description, parameters, BaseModel, call_parameter=None, is_async=False)


def agent(**fields: Any) -> Agent:
    return replace(Agent("support", PromptSource(text="p")), **fields)


def deployed(
    *,
    prompt: str = "You are {{ date }}.",
    scripts: Mapping[str, Any] | None = None,
    tools: Mapping[str, Binding] | None = None,
    prices: Mapping[str, Any] | None = None,
    **fields: Any,
) -> DeployedAgent:
    return DeployedAgent(agent(**fields), prompt, scripts or {}, tools or {}, prices=prices or {})


def frames(registration: Registration) -> list[dict[str, Any]]:
    return [json.loads(encode(frame)) for frame in (registration.create, *registration.channels)]


def test_an_agent_about_which_little_is_said_has_a_short_frame() -> None:
    assert frames(deployed().registration()) == [
        {"event": "agent.create", "agent_id": "support", "llm": "gpt-4.1-mini", "prompt": "You are {{ date }}."}
    ]


def test_everything_an_author_can_say_is_on_the_wire() -> None:
    said = deployed(
        tools={"lookup_order": tool("lookup_order")},
        model="openai:gpt-4.1-mini",
        voice={"provider": "elevenlabs"},
        language="es",
        stt="deepgram/nova-3",
        greeting={"es": "Hola.", "en": "Hello."},
        greeting_in_chat=False,
        session_limits={"idle_timeout_seconds": 0},
        interruption=False,
        timezone="Europe/Madrid",
        allowed_origins=("https://shop.example",),
        channels=(
            Channel(ChannelRef("phone", "+1555"), {"language": "en"}),
            Channel(ChannelRef("sip", "sip:x@y")),
            Channel(ChannelRef("chat")),
            Channel(ChannelRef("webrtc"), {"greeting": "Hi."}),
            Channel(
                ChannelRef("whatsapp", "106"),
                credentials={"access_token": "t", "verify_token": "v", "app_secret": "s", "phone": "+1"},
            ),
        ),
    )
    create, *channels = frames(said.registration())
    assert create == {
        "event": "agent.create",
        "agent_id": "support",
        "voice": {"provider": "elevenlabs"},
        "language": "es",
        "stt": "deepgram/nova-3",
        "interruption": False,
        "llm": "openai:gpt-4.1-mini",
        "prompt": "You are {{ date }}.",
        "greeting": {"es": "Hola.", "en": "Hello."},
        "greetingInChat": False,
        "timezone": "Europe/Madrid",
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": "lookup_order",
                    "description": "Looks an order up.",
                    "parameters": {
                        "type": "object",
                        "properties": {"order": {"type": "string"}},
                        "required": ["order"],
                    },
                },
            }
        ],
        "session_limits": {"idle_timeout_seconds": 0},
        "allowed_origins": ["https://shop.example"],
    }
    assert [{k: v for k, v in channel.items() if k not in ("event", "agent_id")} for channel in channels] == [
        {"type": "phone", "ref": "+1555", "language": "en"},
        {"type": "phone", "ref": "sip:x@y"},
        {"type": "chat"},
        {"type": "webrtc", "greeting": "Hi."},
        {"type": "whatsapp", "ref": "106", "accessToken": "t", "verifyToken": "v", "appSecret": "s", "phone": "+1"},
    ]


@pytest.mark.parametrize(
    ("model", "scripts", "llm"),
    [
        ("gpt-4.1-mini", None, "gpt-4.1-mini"),
        ({"model": "m"}, None, {"provider": "openai", "enabled": True, "model": "m"}),
        (
            {"provider": "x", "model": "m", "temperature": 0},
            None,
            {"provider": "x", "enabled": True, "model": "m", "temperature": 0},
        ),
        (
            "scripted:support.script.yaml",
            {"support.script.yaml": SCRIPT},
            {"provider": "scripted", "model": "support.script.yaml", "enabled": True, "script": SCRIPT},
        ),
        (
            {"provider": "scripted", "model": "s.yaml"},
            {"s.yaml": SCRIPT},
            {"provider": "scripted", "model": "s.yaml", "enabled": True, "script": SCRIPT},
        ),
        (["gpt-4.1-mini"], None, "gpt-4.1-mini"),
        (
            ["gpt-4.1-mini", {"model": "m"}, "scripted:s.yaml", "scripted:t.yaml"],
            {"s.yaml": SCRIPT, "t.yaml": OTHER},
            [
                "gpt-4.1-mini",
                {"provider": "openai", "enabled": True, "model": "m"},
                {"provider": "scripted", "model": "s.yaml", "enabled": True, "script": SCRIPT},
                {"provider": "scripted", "model": "t.yaml", "enabled": True, "script": OTHER},
            ],
        ),
    ],
)
def test_a_model_is_named_as_the_wire_names_it(model: Any, scripts: Any, llm: Any) -> None:
    assert frames(deployed(model=model, scripts=scripts).registration())[0]["llm"] == llm


# revisions


def deployment(*agents: DeployedAgent) -> Deployment:
    named = {one.config.name: one for one in agents}
    return deploy(Config(1, Server(), {name: one.config for name, one in named.items()}), named)


FULL: dict[str, Any] = {
    "prompt": "p",
    "scripts": {"s.yaml": SCRIPT},
    "model": "scripted:s.yaml",
    "tools": {"t": tool("t")},
    "channels": (Channel(ChannelRef("whatsapp", "106"), {"voice": "v"}, {"access_token": "t"}),),
    "greeting": "Hi",
    "allowed_origins": ("*",),
}


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "p "},
        {"scripts": {"s.yaml": OTHER}},
        {"model": ["scripted:s.yaml", "m"]},
        {"prices": {"openai": {"input": 1.0}}},
        {"model": "scripted:other.yaml"},
        {"tools": {}},
        {"tools": {"t": tool("t", "Looks an order up by its number.")}},
        {"tools": {"u": tool("u")}},
        {"channels": ()},
        {"channels": (Channel(ChannelRef("whatsapp", "106"), {"voice": "w"}, {"access_token": "t"}),)},
        {"channels": (Channel(ChannelRef("whatsapp", "106"), {"voice": "v"}, {"access_token": "u"}),)},
        {"channels": (Channel(ChannelRef("whatsapp", "107"), {"voice": "v"}, {"access_token": "t"}),)},
        {"greeting": None},
        {"allowed_origins": ()},
        {"interruption": False},
        {"session_limits": {}},
        {"name": "sales"},
    ],
)
def test_a_revision_changes_with_anything_that_runs(change: dict[str, Any]) -> None:
    assert deployment(deployed(**FULL)).revision == deployment(deployed(**FULL)).revision
    assert deployment(deployed(**FULL)).revision != deployment(deployed(**{**FULL, **change})).revision


def test_a_tool_at_another_path_is_another_revision() -> None:
    """The server sees no difference; the calls that begin now run other code."""
    here, there = (deployed(**FULL, name="support") for _ in range(2))
    here = replace(here, config=replace(here.config, tools={"t": Tool("shop.orders.t")}))
    there = replace(there, config=replace(there.config, tools={"t": Tool("shop.returns.t")}))
    assert here.registration() == there.registration()
    assert deployment(here).revision != deployment(there).revision


def test_an_agent_more_is_another_revision() -> None:
    one, two = deployed(**FULL), deployed(**FULL, name="sales")
    assert deployment(one).revision != deployment(one, two).revision
    assert set(deployment(one, two).registrations) == {"support", "sales"}


def test_a_revision_is_the_same_in_every_process() -> None:
    program = "from tests.deploy.test_deployment import *; print(deployment(deployed(**FULL)).revision)"
    ran = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    expected = deployment(deployed(**FULL)).revision
    assert [process.communicate(timeout=30)[0].strip() for process in ran] == [expected, expected]


def test_a_model_that_hears_and_speaks_has_its_voice_where_the_wire_has_it() -> None:
    model = {"provider": "openai-realtime", "model": "gpt-realtime", "voice": "cedar", "speed": 1.1}
    create = frames(deployed(model=model).registration())[0]
    assert create["llm"] == {**model, "provider": "openai", "enabled": True}
    assert create["config"] == {"realtime": {"voice": "cedar"}}
    assert "config" not in frames(deployed(model="openai/gpt-realtime").registration())[0]
    assert "config" not in frames(deployed(model={"model": "gpt-4.1", "voice": "x"}).registration())[0]
