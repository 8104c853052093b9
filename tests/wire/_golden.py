"""Frames as the protocol's document writes them, against our classes."""

import json
from typing import Any

import msgspec

from pinecall_run.wire.codec import Decoder, encode

RENAMED = {
    "from": "from_",
    "greetingInChat": "greeting_in_chat",
    "accessToken": "access_token",
    "verifyToken": "verify_token",
    "appSecret": "app_secret",
}


def check_golden(decoder: Decoder[Any], kind: type[msgspec.Struct], text: str) -> None:
    """The text is read as ``kind``, each key into the field of its name, and written with the same keys again."""
    documented = json.loads(text)
    frame = decoder.decode(text)
    assert type(frame) is kind, frame
    for key, value in documented.items():
        if key != "event":
            assert msgspec.to_builtins(getattr(frame, RENAMED.get(key, key))) == value
    assert json.loads(encode(frame)) == documented
