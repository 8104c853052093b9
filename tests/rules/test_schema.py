"""Schema, model and wire agree: what an author may write is what we read, and what we read is what we send."""

import copy
import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator
from tests._partial import overlay_schema, with_environments, written
from tests._vendors import with_vendors
from tests.rules._exceptions import check
from tests.rules._scan import ROOT, Finding, report

from pinecall_run.config.channels import ChannelRef
from pinecall_run.config.check import check as check_config
from pinecall_run.config.conform import compile_schema
from pinecall_run.config.model import Agent, Channel, Config, Context, IceServer, PromptSource, Server, Tool
from pinecall_run.deploy.deployment import DeployedAgent
from pinecall_run.prompts.prompt import compile_prompt
from pinecall_run.source.document import Document, Text
from pinecall_run.tools.binding import bind
from pinecall_run.tools.path import ToolPath
from pinecall_run.wire.absent import UNSET
from pinecall_run.wire.commands import AgentCreate, ChannelAdd

FILE = "schemas/pinecall.schema.json"
OVERLAY = "schemas/pinecall.environment.schema.json"
SCRIPT = "schemas/script.schema.json"
RELOADS = frozenset({"restart", "next-call", "reregister", "live"})


class Mirror(NamedTuple):
    """A mapping of the schema and the class that holds it. What differs has a reason."""

    pointer: str
    model: type
    only_schema: Mapping[str, str] = {}
    only_model: Mapping[str, str] = {}


OVERRIDES = "one of the `overrides`, which are passed on as they are"
CREDENTIALS = "one of the `credentials`, which only the voice server reads"
MIRRORS = [
    Mirror(
        "",
        Config,
        only_schema={"environments": "laid over the rest before it is read: config/environments.py"},
        only_model={"voice_files": "all files that keys of agents name"},
    ),
    Mirror("$defs/server_options", Server),
    Mirror("$defs/ice_server", IceServer),
    Mirror("$defs/agent", Agent, only_model={"name": "the agent's key in `agents`"}),
    Mirror("$defs/prompt_source", PromptSource),
    Mirror("$defs/tool_options", Tool),
    Mirror("$defs/context_options", Context),
    Mirror(
        "$defs/channel_options",
        Channel,
        only_schema={
            "type": "the kind of `ref`",
            **dict.fromkeys(("voice", "language", "stt", "greeting", "turn_detection", "vad"), OVERRIDES),
            **dict.fromkeys(("access_token", "verify_token", "app_secret", "phone"), CREDENTIALS),
            **dict.fromkeys(("voice_notes", "template", "idle_minutes", "max_calls"), CREDENTIALS),
        },
        only_model={"overrides": "holds several keys", "credentials": "holds several keys"},
    ),
]

# Where an agent's field goes on the wire when it is not a key of that name in `agent.create`.
ON_THE_WIRE = {
    "model": "llm",
    "channels": None,  # each is a frame of its own
    "on": None,  # no server's business
    "context": "preparing",
    **dict.fromkeys(("recording", "live"), "media"),
    **dict.fromkeys(("turn_detection", "vad", "background", "hold_music", "apology", "analysis", "limits"), "config"),
}


def disagreements(schema: Mapping[str, Any], mirrors: Iterable[Mirror]) -> Iterator[Finding]:
    for mirror in mirrors:
        declared = set(_at(schema, mirror.pointer)["properties"])
        fields = {field.name for field in dataclasses.fields(mirror.model)}
        name = mirror.model.__name__
        for key in declared - fields - mirror.only_schema.keys():
            yield _finding(mirror.pointer, f"`{key}` is no field of {name}: read it, or give the reason")
        for key in fields - declared - mirror.only_model.keys():
            yield _finding(mirror.pointer, f"{name}.{key} is nothing an author may write: add it, or give the reason")
        for key in (mirror.only_schema.keys() & fields) | (mirror.only_model.keys() & declared):
            yield _finding(mirror.pointer, f"`{key}` of {name} needs no reason any more: take it out")


def unsound(schema: Mapping[str, Any], file: str = FILE) -> Iterator[Finding]:
    """What is wrong with the schema itself."""
    whole = Draft202012Validator(schema)
    for pointer, part in subschemas(schema):
        for key, described in part.get("properties", {}).items():
            is_condition = "if" in pointer.split("/")
            if not is_condition and not _resolved(schema, described).get("description"):
                yield _finding(f"{pointer}/properties/{key}", "has no description: say what it is for", file)
        if "pattern" in part and not part.get("x-says"):
            yield _finding(pointer, "has a pattern and no `x-says`: say in words what it asks for", file)
        given = [("a default", part["default"])] if "default" in part else []
        for keyword, value in [*given, *(("an example", example) for example in part.get("examples", ()))]:
            for error in whole.evolve(schema=part).iter_errors(value):
                yield _finding(pointer, f"has {keyword} that it does not allow: {error.message}", file)


def not_reloaded(schema: Mapping[str, Any]) -> Iterator[Finding]:
    for pointer in ("", "$defs/agent"):
        for key, described in _at(schema, pointer)["properties"].items():
            if _resolved(schema, described).get("x-reload") not in RELOADS:
                where = f"{pointer}/properties/{key}".removeprefix("/")
                yield _finding(where, f"has no `x-reload`: say when a change counts ({', '.join(sorted(RELOADS))})")


def subschemas(schema: Any, pointer: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """A schema and all that are in it, with the way to each."""
    if not isinstance(schema, Mapping):
        return
    yield pointer, schema
    for keyword in ("items", "additionalProperties", "propertyNames", "if", "then", "else"):
        yield from subschemas(schema.get(keyword), f"{pointer}/{keyword}".removeprefix("/"))
    for keyword in ("properties", "patternProperties", "$defs", "anyOf", "oneOf", "allOf"):
        inner = schema.get(keyword, {})
        for key, part in inner.items() if isinstance(inner, Mapping) else enumerate(inner):
            yield from subschemas(part, f"{pointer}/{keyword}/{key}".removeprefix("/"))


def _finding(pointer: str, sentence: str, file: str = FILE) -> Finding:
    return Finding(file, 1, pointer or "#", f"{pointer or 'the top'}: {sentence}")


def _at(schema: Mapping[str, Any], pointer: str) -> Any:
    for step in pointer.split("/") if pointer else ():
        schema = schema[step]
    return schema


def _resolved(schema: Mapping[str, Any], part: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in part:
        part = _at(schema, part["$ref"].removeprefix("#/"))
    return part


def _load(file: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / file).read_text(encoding="utf-8"))
    return loaded


SCHEMA = _load(FILE)


def test_what_is_made_from_the_table_of_vendors_is_up_to_date() -> None:
    whole = with_environments(with_vendors(SCHEMA))
    message = f"{{}}: it is not what vendors/ and the rest of {FILE} come to: run `make docs`"
    assert (ROOT / FILE).read_text(encoding="utf-8") == written(whole) + "\n", message.format(FILE)
    overlay = (ROOT / OVERLAY).read_text(encoding="utf-8")
    assert overlay == written(overlay_schema(whole)) + "\n", message.format(OVERLAY)


@pytest.mark.parametrize("name", sorted(_load(FILE)["$defs"]))
def test_the_first_pass_knows_all_that_a_definition_asks(name: str) -> None:
    """What a word chooses is compiled when it is used, so that one vendor's mistake would be seen late."""
    compile_schema(SCHEMA, SCHEMA["$defs"][name])


@pytest.mark.parametrize("file", [FILE, SCRIPT])
def test_a_schema_is_one(file: str) -> None:
    Draft202012Validator.check_schema(_load(file))


def test_schema_and_model_agree() -> None:
    found = [*disagreements(SCHEMA, MIRRORS), *unsound(SCHEMA), *not_reloaded(SCHEMA), *unsound(_load(SCRIPT), SCRIPT)]
    check("schema", found)


@pytest.mark.parametrize(
    "key", sorted(key for key in _at(SCHEMA, "$defs/agent")["properties"] if ON_THE_WIRE.get(key, key))
)
def test_the_wire_knows_each_field_of_an_agent(key: str) -> None:
    described = _resolved(SCHEMA, _at(SCHEMA, f"$defs/agent/properties/{key}"))
    value = [*described.get("examples", ()), described.get("default")][0]
    agent = _agent({"prompt": "hello", key: value})
    tools = {name: bind(name, ToolPath("textwrap", "dedent")) for name in agent.tools}
    template, _ = compile_prompt(Text("hello", "pinecall.yaml"), {})
    deployed = DeployedAgent(agent, "hello", {}, tools, template if agent.context else None, folder="/project")
    create = deployed.registration().create
    wire = ON_THE_WIRE.get(key, key)
    assert wire in AgentCreate.__struct_fields__
    assert getattr(create, str(wire)) is not UNSET


def test_the_wire_knows_each_option_of_a_channel() -> None:
    given = {
        "type": "whatsapp",
        "ref": "106540352242922",
        "language": "es",
        "voice": "rime:x",
        "stt": "gladia",
        "turn_detection": "silence",
        "vad": {"threshold": 0.4},
        "voice_notes": True,
        "template": {"name": "still_there", "language": "es"},
        "idle_minutes": 5,
        "max_calls": 2,
    }
    options = {key: given.get(key, "x") for key in _at(SCHEMA, "$defs/channel_options")["properties"]}
    agent = _agent({"prompt": "hello", "channels": [options]})
    assert agent.channels[0].ref == ChannelRef("whatsapp", "106540352242922")
    (add,) = DeployedAgent(agent, "hello").registration().channels
    of_config = {key: options.pop(key) for key in ("turn_detection", "vad")}
    assert add.config == of_config
    assert {key: getattr(add, key) for key in options} == options
    assert options.keys() <= set(ChannelAdd.__struct_fields__)


def _agent(written: Mapping[str, Any]) -> Agent:
    text = json.dumps({"version": 1, "agents": {"desk": written}})
    document, _ = Document.parse(text, "pinecall.yaml")
    config, diagnostics = check_config(document, SCHEMA, {})
    assert config is not None, diagnostics
    return config.agents["desk"]


def test_a_schema_that_says_less_or_more_than_the_model_is_caught() -> None:
    schema = copy.deepcopy(SCHEMA)
    agent = schema["$defs"]["agent"]["properties"]
    agent["memory"] = agent.pop("timezone")
    schema["$defs"]["channel_options"]["properties"]["credentials"] = {}
    assert report(disagreements(schema, MIRRORS)) == [
        f"{FILE}:1: $defs/agent: Agent.timezone is nothing an author may write: add it, or give the reason",
        f"{FILE}:1: $defs/agent: `memory` is no field of Agent: read it, or give the reason",
        f"{FILE}:1: $defs/channel_options: `credentials` of Channel needs no reason any more: take it out",
    ]


def test_an_unsound_schema_is_caught() -> None:
    schema = {
        "properties": {
            "bare": {"type": "string", "default": 3},
            "same": {"$ref": "#/$defs/same"},
            "wrong": {"description": "One.", "$ref": "#/$defs/same"},
        },
        "$defs": {
            "same": {"pattern": "^x$", "x-says": "an x", "description": "Two.", "examples": ["x", "y"]},
            "bare": {"anyOf": [{"pattern": "^x$"}, {"items": {"$ref": "#/$defs/same", "examples": ["z"]}}]},
        },
    }
    assert report(unsound(schema)) == [
        f"{FILE}:1: $defs/bare/anyOf/0: has a pattern and no `x-says`: say in words what it asks for",
        f"{FILE}:1: $defs/bare/anyOf/1/items: has an example that it does not allow: 'z' does not match '^x$'",
        f"{FILE}:1: $defs/same: has an example that it does not allow: 'y' does not match '^x$'",
        f"{FILE}:1: /properties/bare: has no description: say what it is for",
        f"{FILE}:1: properties/bare: has a default that it does not allow: 3 is not of type 'string'",
    ]


def test_a_field_without_a_word_on_reloading_is_caught() -> None:
    schema = copy.deepcopy(SCHEMA)
    schema["$defs"]["agent"]["properties"]["timezone"]["x-reload"] = "tomorrow"
    del schema["$defs"]["voice"]["x-reload"], schema["properties"]["version"]["x-reload"]
    says = "has no `x-reload`: say when a change counts (live, next-call, reregister, restart)"
    assert report(not_reloaded(schema)) == [
        f"{FILE}:1: $defs/agent/properties/timezone: {says}",
        f"{FILE}:1: $defs/agent/properties/voice: {says}",
        f"{FILE}:1: properties/version: {says}",
    ]
