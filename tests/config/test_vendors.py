"""The table of vendors: at one with what the embedded server has, and with how it splits a model's name."""

from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.config.vendors import _HEARING, MODEL, PRODUCTS, STT, VOICE, named, split_model
from pinecall_run.providers import catalogue
from pinecall_run.providers.catalogue import parse_model


def test_the_embedded_server_has_what_the_table_says() -> None:
    assert MODEL.embedded == catalogue._MODELS.keys()
    assert all(stage.embedded <= stage.vendors for stage in (MODEL, VOICE, STT))


def test_the_table_speaks_of_vendors_it_has() -> None:
    assert _HEARING.keys() <= STT.vendors
    assert set(PRODUCTS.values()) <= MODEL.vendors | VOICE.vendors | STT.vendors
    assert not PRODUCTS.keys() & (MODEL.vendors | VOICE.vendors | STT.vendors)


@given(st.lists(st.sampled_from(["openai", "ft", "scripted", ":", "/", "a", "gpt-4.1", "::", " "])).map("".join))
def test_a_model_is_split_as_the_server_splits_it(text: str) -> None:
    split, spec = split_model(text), parse_model(text)
    if split is not None:
        assert spec is not None
        assert (split.provider, split.name) == (spec.provider, spec.model)
    else:  # what the server would take for a name of OpenAI's, and nobody means
        assert spec is None or (spec.provider, spec.model) == ("openai", text)


@given(st.sampled_from(["model", "voice", "stt"]), st.text())
def test_any_text_names_something_or_nothing(key: str, text: str) -> None:
    found = named(key, text)  # type: ignore[arg-type]
    assert found is None or found.provider
