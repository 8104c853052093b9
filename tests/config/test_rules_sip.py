"""Rules about SIP: what cannot be is said where it is written, before anything starts."""

import pytest
from tests.config._world import agent_yaml, checked, codes

from pinecall_run.config.model import VoiceFile

PEERS = "{peers: [198.51.100.0/24, '2001:db8::7']}"
ACCOUNT = (
    "{username: acme, password: '${P}', host: 'sip.example:5080', register: true, numbers: [+15551234567, '+44*']}"
)

ENVIRON = {"P": "hunter2", "Q": "hunter3"}


def project(sip: str) -> str:
    return agent_yaml("channels: [chat]").replace("agents:", f"server:\n  sip: {sip}\nagents:")


@pytest.mark.parametrize(
    "sip",
    [
        f"{{trunks: [{PEERS}, {ACCOUNT}]}}",
        f"{{listen: '0.0.0.0:5060', address: 203.0.113.5, rtp_ports: [10000, 10001], trunks: [{PEERS}]}}",
        f"{{listen: '[::1]:5070', tls: {{certificate: c.pem, key: k.pem}}, trunks: [{PEERS}]}}",
        "{trunks: [{host: sip.example, proxy: 127.0.0.1, transport: tls}]}",
        "{trunks: [{peers: [127.0.0.1], register: false}]}",
        "{trunks: [{username: a, password: '${P}'}, {username: a, password: '${P}', host: a.example}]}",
    ],
)
def test_what_can_be(sip: str) -> None:
    assert codes(project(sip), ENVIRON) == []


@pytest.mark.parametrize(
    ("code", "sip"),
    [
        # the schema's
        ("PCR102", f"{{»tls: {{certificate: c.pem}}, trunks: [{PEERS}]}}"),
        ("PCR104", "{trunks: »[]}"),
        ("PCR101", "{trunks: [{»pears: [198.51.100.7]}]}"),
        ("PCR104", "{trunks: [{peers: [198.51.100.7], numbers: [»'555']}]}"),
        ("PCR104", "{trunks: [{host: »'sip:a@b.example'}]}"),
        ("PCR104", "{trunks: [{host: a.example, transport: »sctp}]}"),
        # places
        ("PCR104", f"{{listen: »'300.0.0.1:5060', trunks: [{PEERS}]}}"),
        ("PCR104", f"{{listen: »'127.0.0.1:99999', trunks: [{PEERS}]}}"),
        ("PCR102", f"{{listen: »'0.0.0.0', trunks: [{PEERS}]}}"),
        ("PCR201", f"{{listen: '0.0.0.0', address: '»${{GONE}}', trunks: [{PEERS}]}}"),
        ("PCR104", f"{{address: »voice.example, trunks: [{PEERS}]}}"),
        ("PCR104", f"{{address: »'::', trunks: [{PEERS}]}}"),
        ("PCR104", f"{{rtp_ports: »[10001, 10002], trunks: [{PEERS}]}}"),
        # trunks
        ("PCR104", "{trunks: [{peers: [198.51.100.7, »pbx.example]}]}"),
        ("PCR102", "{trunks: [»{numbers: [+15551234567]}]}"),
        ("PCR102", "{trunks: [{username: »acme}]}"),
        ("PCR102", "{trunks: [{password: »'${P}'}]}"),
        ("PCR102", f"{{trunks: [{PEERS}, {{peers: [127.0.0.1], proxy: »a.example}}]}}"),
        ("PCR102", "{trunks: [{host: a.example, register: »true}]}"),
        ("PCR104", "{trunks: [{username: a, password: '${P}'}, {username: »a, password: '${Q}'}]}"),
    ],
)
def test_what_cannot_be_is_found_where_it_is_written(code: str, sip: str) -> None:
    at = project(sip).splitlines()[2].index("»") + 1
    assert codes(project(sip.replace("»", "")), ENVIRON) == [(code, 3, at)]


def test_a_server_elsewhere_has_its_own() -> None:
    text = project(f"{{trunks: [{PEERS}]}}").replace("sip:", "url: wss://voice.example\n  sip:")
    assert codes(text) == [("PCR520", 4, 3)]


def test_what_is_said_is_kept_as_it_is_and_not_shown() -> None:
    config, _ = checked(project(f"{{tls: {{certificate: c.pem, key: k.pem}}, trunks: [{ACCOUNT}]}}"), {"P": "hunter2"})
    assert config is not None
    assert config.server.sip is not None
    (trunk,) = config.server.sip["trunks"]
    assert (trunk["password"], trunk["numbers"]) == ("hunter2", ["+15551234567", "+44*"])
    assert "hunter2" not in repr(config)
    assert config.voice_files == (
        VoiceFile(("server", "sip", "tls", "certificate"), "c.pem", is_sound=False),
        VoiceFile(("server", "sip", "tls", "key"), "k.pem", is_sound=False),
    )
