"""``pinecall-run doctor``: which vendors it calls, what it says of each, and that it shows no key."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests._packages import Packages
from tests.emulators.openai_server import Answer, fails, openai_server, says
from tests.stories._stage import ROOT, clean_environment, command

KEY = "sk-emulated-of-doctor"
PROJECT = """\
version: 1
agents:
  desk: {prompt: Be kind., model: gpt-4.1-mini, channels: [chat]}
  night: {prompt: Sleep., model: openai:gpt-4.1-mini, channels: [chat]}
  robot: {prompt: Beep., model: scripted:a.script.yaml, channels: [chat]}
"""
SCRIPT = "rules:\n  - {when: hi, reply: Hello.}\notherwise: What?\n"
VOICE = """
import os
from pinecall_run.providers.contracts import ProviderError
from pinecall_run.vendors.facts import Provider
PROVIDERS = [Provider("acme", "voice", "Acme", keys=["ACME_API_KEY"])]
def open_tts(spec, environ):
    key = environ.get("ACME_API_KEY", "")
    raise ProviderError(f"Acme refused {key}", f"is {key} the right one?", kind="key")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pinecall.yaml").write_text(PROJECT)
    (folder / "a.script.yaml").write_text(SCRIPT)
    return folder


async def doctor(folder: Path, *words: str, packages: Packages | None = None, **environ: str) -> tuple[int, str, str]:
    paths = [str(ROOT / "runner"), *([] if packages is None else [str(packages.folder)])]
    process = await asyncio.create_subprocess_exec(
        *command("doctor", *words),
        cwd=folder,
        env=clean_environment(PYTHONPATH=os.pathsep.join(paths), **environ),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    assert KEY not in out.decode() + err.decode()
    return process.returncode, out.decode(), err.decode()


async def asked(
    folder: Path, answer: Answer | Callable[[dict[str, Any]], Answer], *words: str, key: str = KEY
) -> tuple[int, str, str]:
    """What it says of an OpenAI that gives an answer, and has another key where one is given."""
    async with openai_server(answer if callable(answer) else lambda _: answer, key=key) as server:
        found = await doctor(folder, *words, OPENAI_BASE_URL=server.base_url, OPENAI_API_KEY=KEY)
        assert len(server.requests) <= 3  # one, and what the library tries again
    return found


async def test_each_vendor_is_called_once_and_its_price_is_told_before(project: Path) -> None:
    code, out, err = await asked(project, says("ok"))
    assert (code, err) == (0, "calling openai for a second: together a fraction of a cent\n")
    head, seconds, tail = out.partition(" s  (")
    assert seconds
    assert tail == "desk, night)\n"
    assert head.startswith("ok      model  openai:gpt-4.1-mini  0.")


@pytest.mark.parametrize(
    ("answer", "key", "said"),
    [
        (
            says("ok"),
            "another",
            "OpenAI refused the key: invalid_api_key, invalid_request_error  (desk, night)\n"
            "        help: check OPENAI_API_KEY where",
        ),
        (fails(404), KEY, "OpenAI has no model `gpt-4.1-mini`  (desk, night)\n        help: check `model`"),
        (
            fails(429),
            KEY,
            "OpenAI is asked too much at once: invalid_request_error  (desk, night)\n        help: try again later",
        ),
        (fails(500), KEY, "OpenAI answered 500: server_error  (desk, night)\n"),
        (replace(says("x"), cut_after=0), KEY, "OpenAI broke the connection off  (desk, night)\n        help:"),
    ],
)
async def test_what_is_wrong_is_told_with_what_to_do(project: Path, answer: Answer, key: str, said: str) -> None:
    code, out, _ = await asked(project, answer, key=key)
    assert code == 1
    assert out.startswith(f"failed  model  openai:gpt-4.1-mini  {said}")


async def test_json_has_the_same(project: Path) -> None:
    code, out, _ = await asked(project, fails(429), "--format", "json")
    assert code == 1
    (found,) = json.loads(out)["providers"]
    assert found == {
        "stage": "model",
        "provider": "openai",
        "name": "gpt-4.1-mini",
        "agents": ["desk", "night"],
        "is_ok": False,
        "seconds": None,
        "kind": "rate_limit",
        "error": "OpenAI is asked too much at once: invalid_request_error",
        "hint": "try again later",
    }


async def test_without_a_key_nobody_is_called(project: Path) -> None:
    code, out, _ = await doctor(project)
    assert code == 1
    assert "the model gpt-4.1-mini needs a key  (desk, night)\n        help: set OPENAI_API_KEY where the voice" in out


async def test_ears_and_voices_of_spoken_channels_are_tried_those_of_fallbacks_too(
    project: Path, packages: Packages
) -> None:
    pytest.importorskip("espeakng_loader")
    pytest.importorskip("pocketsphinx")
    packages.install("acme", {"pinecall_run.tts": {"acme": "acme_voice"}}, acme_voice=VOICE)
    (project / "pinecall.yaml").write_text(
        "version: 1\nagents:\n  desk:\n    prompt: Be kind.\n    model: scripted:a.script.yaml\n"
        "    voice: elevenlabs:x\n    channels: [{type: webrtc, voice: [acme/anna, local]}]\n"
    )
    code, out, err = await doctor(project, packages=packages, ACME_API_KEY=KEY)
    assert code == 1
    lines = out.splitlines()
    assert [line[:22].split() for line in lines if "help" not in line] == [
        ["ok", "ear", "local"],
        ["failed", "voice", "acme:an"],
        ["ok", "voice", "local"],
    ]
    assert "Acme refused ***  (desk)" in out
    assert "help: is *** the right one?" in out
    assert err.startswith("calling acme for a second")


async def test_all_tries_what_is_keyed_even_without_a_project(tmp_path: Path, packages: Packages) -> None:
    packages.install("acme", {"pinecall_run.tts": {"acme": "acme_voice"}}, acme_voice=VOICE)
    folder = tmp_path / "empty"
    folder.mkdir()
    code, out, _ = await doctor(folder, "--all", packages=packages, ACME_API_KEY=KEY)
    assert code == 1
    assert out.startswith("failed  voice  acme  Acme refused ***\n")
    code, out, err = await doctor(folder, "--all", packages=packages)
    assert (code, out, err) == (0, "", "no agent uses a vendor; --all tries those whose keys are set\n")


async def test_a_project_with_errors_is_shown_them_and_a_server_elsewhere_is_told_of(project: Path) -> None:
    (project / "pinecall.yaml").write_text(PROJECT.replace("gpt-4.1-mini, channels", "opnai:x, channels", 1))
    code, out, err = await doctor(project)
    assert (code, out) == (1, "")
    assert "there is no model provider `opnai`" in err
    (project / "pinecall.yaml").write_text(PROJECT.replace("agents:", "server: {url: 'wss://voice.example'}\nagents:"))
    _, _, err = await doctor(project)
    assert "the project's server is elsewhere" in err
