"""Words are found in any text, and have the vendor's times, whatever the vendor calls them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinecall_run.audio.word_times import WordTimes, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, there – my “dear” friend!", ["Hello,", "there", "my", "“dear”", "friend!"]),
        ("It costs $20.50 (or 1,001).", ["It", "costs", "$20.50", "(or", "1,001)."]),
        ("¿Qué? ¡Sí!", ["¿Qué?", "¡Sí!"]),
        ("你好，世界。Hello 世界", ["你", "好，", "世", "界。", "Hello", "世", "界"]),
        (" — … 🙂 ", []),
        ("", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [word.text for word in words_of(text)] == words


@given(st.text(alphabet=" .,-–a1é你か🙂\n") | st.text())
def test_words_cover_the_text_in_order(text: str) -> None:
    at, letters = 0, 0
    for word in words_of(text):
        assert text[at : word.reach].lstrip().endswith(word.text) or word.text in text[at : word.reach]
        assert at < word.reach <= len(text)
        assert letters <= word.first < word.last
        at, letters = word.reach, word.last
    assert not words_of(text) or at == len(text.rstrip())


def starts(times: WordTimes, seconds: float, *, is_complete: bool = True) -> list[float]:
    samples = round(seconds * 16_000)
    spans = [times.span(index, samples, is_complete=is_complete) for index in range(len(times.words))]
    assert all(start <= end for start, end in spans)
    return [round(start / 16_000, 3) for start, _ in spans]


def heard_of(text: str, spoken: str, step: float = 1.0) -> WordTimes:
    """A vendor that says one word in each step, in the first half of it."""
    times = WordTimes(text)
    for at, word in enumerate(spoken.split()):
        times.hear_of(word, at * step, at * step + step / 2)
    return times


def test_without_times_words_are_spread_by_their_letters() -> None:
    assert starts(WordTimes("one three seventeen"), 1.9) == [0, 0.4, 1.0]


def test_before_the_end_is_known_fifteen_letters_take_a_second() -> None:
    times = WordTimes("a word of fifteen")
    assert starts(times, 0.1, is_complete=False) == [0, 0.133, 0.467, 0.667]
    assert starts(times, 1.7, is_complete=False) == [0, 0.2, 0.7, 1.0]  # it takes longer than that already


def test_the_vendor_s_times_are_taken() -> None:
    assert starts(heard_of("Where is my order?", "where is my order"), 4) == [0, 1, 2, 3]


def test_words_not_heard_of_yet_follow_the_last_that_was() -> None:
    times = heard_of("Where is my order?", "where is")
    assert starts(times, 1.5, is_complete=False) == [0, 1, 1.567, 1.767]
    assert starts(times, 3.5) == [0, 1, pytest.approx(1.7), pytest.approx(2.3)]


@pytest.mark.parametrize(
    ("text", "spoken", "expected"),
    [
        ("Order 1001 was shipped.", "order one thousand and one was shipped", [0, 1, 5, 6]),
        ("Order 1001, and one more.", "order one thousand and one and one more", [0, 1, 3, 4, 7]),
        ("Dr. Smith is here.", "doctor smith is here", [0, 1, 2, 3]),
        ("It is $20 now", "it is twenty dollars now", [0, 1, 2, 4]),
        ("A well-known man", "a well known man", [0, 1, 3]),
        ("Yes – I know…", "Yes, I know", [0, 1, 2]),
        ("Costs 1,001 now", "costs 1001 now", [0, 1, 2]),
        ("one two three", "um one two three", [1, 2, 3]),
    ],
)
def test_words_spelled_in_another_way(text: str, spoken: str, expected: list[float]) -> None:
    assert starts(heard_of(text, spoken), 10) == expected


def test_where_nothing_fits_the_letters_decide_from_the_first_word_on() -> None:
    assert starts(heard_of("Call 555 now", "cinco cinco cinco"), 10) == starts(WordTimes("Call 555 now"), 10)


def test_words_the_vendor_left_out_lie_between_the_others() -> None:
    times = WordTimes("we will be there soon")
    for word, start in (("we", 0.0), ("there", 2.0), ("soon", 3.0)):
        times.hear_of(word, start, start + 0.5)
    found = starts(times, 4)
    assert found[0] < found[1] < found[2] < found[3] == 2.0
    assert found[1] > 0.5


def test_times_that_fall_or_are_none_do_no_harm() -> None:
    times = WordTimes("one two three four")
    times.hear_of("one", float("nan"), 0.2)
    times.hear_of("one", 1.0, 0.5)
    times.hear_of("two", 0.2, float("inf"))
    times.hear_of("two", 0.2, 0.4)
    times.hear_of("...", 5.0, 6.0)
    times.hear_of("three", 9.0, 10.0)
    assert starts(times, 4) == [1, 1, 4, 4]  # nothing sounds after the end
