"""A telephone calls the root project's lobby over SIP, offline: it is answered, leaves a message, and hangs up."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import numpy as np
import pytest
from tests._ports import free_port
from tests.sip._sipp import LOOPBACK, SCENARIOS, needs_sipp, sipp
from tests.stories._phone_sound import spoken
from tests.stories._sip_phone import LOBBY, player
from tests.stories._stage import copy_project, edit, running
from tests.voice._fakes import until
from tests.voice._speech import needs_flite

from pinecall_run.audio.g711 import mu_law_decode

SENTENCE = "my name is ada and it is about a broken kettle"
HEARD = f"""    greeting: You have reached the lobby.
    stt: {{provider: local, grammar: [{SENTENCE}]}}
    channels: ["{LOBBY}", chat]"""


@needs_sipp
@needs_flite
@pytest.mark.parametrize("is_in_project", [True, False])
async def test_a_telephone_leaves_a_message(tmp_path: Path, is_in_project: bool) -> None:
    project = copy_project(tmp_path / "project")
    edit(project / "pinecall.yaml", lambda text: text.replace(f'    channels: ["{LOBBY}", chat]', HEARD))
    port = free_port()
    sip = json.dumps({"listen": f"{LOOPBACK}:{port}", "trunks": [{"peers": [LOOPBACK]}]})
    if is_in_project:
        edit(project / "pinecall.yaml", lambda text: re.sub("(?m)^server: .*", f"server: {{sip: {sip}}}", text))
    async with running(project, **({} if is_in_project else {"PINECALL_SIP": sip})) as program, player() as phone:
        keys = {"sound_port": phone.port, "codec": 0, "domain": "acme.example"}
        given = [word for key, value in keys.items() for word in ("-key", key, str(value))]
        words = ["-sf", str(SCENARIOS / "phone.xml"), "-s", "lobby", "-d", "14000", "-m", "1", *given]
        calling = asyncio.create_task(sipp(tmp_path, *words, f"{LOOPBACK}:{port}", seconds=30))
        await program.until(r"intake .*(call|phone)")
        await until(lambda: len(phone.loud) > 50, 10)
        await asyncio.sleep(3)  # the greeting is over
        before = len(phone.got)
        phone.say(spoken(SENTENCE))
        await program.until(rf"tool take_message\(.*pid {program.pid}")
        await program.until(r"intake .* ended \(hangup")
        await calling
    answer = mu_law_decode(b"".join(packet.payload for packet in phone.got[before:]))
    assert np.abs(answer.astype(int)).max() > 3_000, "the answer was heard"
