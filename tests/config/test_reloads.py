"""Every key of an agent says when a change of it takes effect."""

from pinecall_run.config.reloads import effects
from pinecall_run.resources import schema


def test_each_key_has_its_word() -> None:
    found = effects(schema("pinecall"))
    assert found.keys() == schema("pinecall")["$defs"]["agent"]["properties"].keys()
    assert (found["prompt"], found["allowed_origins"], found["channels"]) == ("next call", "live", "re-register")
