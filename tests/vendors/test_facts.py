"""Options are written in few words, and come to JSON Schema."""

from pinecall_run.vendors.facts import Provider, number, one_of, text, texts, whole, yes_or_no


def test_options_come_to_json_schema() -> None:
    assert number("Pace.", 0.5, 2) == {"type": "number", "description": "Pace.", "minimum": 0.5, "maximum": 2}
    assert whole("Wait.", low=10, default=20) == {
        "type": "integer", "description": "Wait.", "minimum": 10, "default": 20
    }  # fmt: skip
    assert one_of("Engine.", "neural", "standard")["enum"] == ["neural", "standard"]
    assert texts("Names.", most=100)["maxItems"] == 100
    assert text("A name.")["minLength"] == 1
    assert yes_or_no("Whether.")["type"] == "boolean"


def test_what_has_a_module_is_served() -> None:
    assert Provider("acme", "stt", "Acme", "acme.stt").is_served
    assert not Provider("acme", "stt", "Acme").is_served
