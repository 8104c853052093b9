"""The table of vendors: at one with what the embedded server has, and with how it splits a model's name."""

from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.config.vendors import _HEARING, MODEL, PRODUCTS, STT, VOICE, named
from pinecall_run.providers.catalogue import parse_model


def test_what_is_served_is_known() -> None:
    assert all(stage.embedded <= stage.vendors for stage in (MODEL, VOICE, STT))


def test_the_table_speaks_of_vendors_it_has() -> None:
    assert _HEARING.keys() <= STT.vendors
    assert set(PRODUCTS.values()) <= MODEL.vendors | VOICE.vendors | STT.vendors
    assert not PRODUCTS.keys() & (MODEL.vendors | VOICE.vendors | STT.vendors)


@given(st.lists(st.sampled_from(["openai", "ft", "scripted", ":", "/", "a", "gpt-4.1", "::", " "])).map("".join))
def test_a_model_is_split_as_the_server_splits_it(text: str) -> None:
    found, spec = named("model", text), parse_model(text)
    if found is not None:
        assert spec is not None
        assert (found.provider, found.name) == (spec.provider, spec.model)


@given(st.sampled_from(["model", "voice", "stt"]), st.text())
def test_any_text_names_something_or_nothing(key: str, text: str) -> None:
    found = named(key, text)  # type: ignore[arg-type]
    assert found is None or found.provider
