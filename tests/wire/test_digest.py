"""The same JSON has the same digest, on both sides of the wire."""

from pinecall_run.wire.digest import digest, parts


def test_order_and_python_types_do_not_matter_and_values_do() -> None:
    assert digest({"a": (1, "x"), "b": None}) == digest({"b": None, "a": [1, "x"]})
    assert len({digest(value) for value in (1, "1", [1], None, {"a": 1}, {"a": 2}, True)}) == 7


def test_what_a_raw_configuration_holds_is_told_apart() -> None:
    assert parts({"voice": "v", "config": {"vad": {}, "apology": "x"}}) == {
        "voice": "v",
        "config.vad": {},
        "config.apology": "x",
    }
    assert parts({"media": {"live": True}}) == {"media.live": True}
    assert parts({"voice": "v"}) == {"voice": "v"}
    assert parts({"config": None}) == {"config": None}
