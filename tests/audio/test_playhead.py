"""What was heard is told from what was played, word by word, and never taken back."""

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pinecall_run.audio.playhead import HeardWord, Playhead

SECOND = 16_000


def spoken(*sentences: tuple[str, float]) -> Playhead:
    """All said, nothing played."""
    playhead = Playhead()
    for text, seconds in sentences:
        playhead.begin(text)
        playhead.queued(round(seconds * SECOND))
    playhead.complete()
    return playhead


def test_words_come_as_they_begin_and_count_when_half_is_played() -> None:
    playhead = spoken(("aaaa bbbb cccc", 1.4))
    assert (playhead.heard, playhead.words_heard, playhead.is_over) == ("", 0, False)
    assert playhead.played(320) == [HeardWord("aaaa", 0, 0, 0.4)]
    assert playhead.heard == ""
    assert playhead.played(2_880) == []
    assert playhead.heard == "aaaa"
    assert playhead.played(4_801) == [HeardWord("bbbb", 1, 0.5, 0.9)]
    assert (playhead.heard, playhead.words_heard) == ("aaaa", 1)
    assert playhead.played(4_000) == []
    assert (playhead.heard, playhead.words_heard, playhead.played_ms) == ("aaaa bbbb", 2, 12_001 / 16)
    assert [word.word for word in playhead.played(99_999)] == ["cccc"]
    assert (playhead.heard, playhead.is_over, playhead.played_ms) == ("aaaa bbbb cccc", True, 1_400)


def test_sentences_follow_each_other_in_one_utterance() -> None:
    playhead = spoken(("Yes, of course.", 1), ("It is here!", 1))
    assert playhead.text == "Yes, of course. It is here!"
    playhead.played(SECOND)
    assert playhead.heard == "Yes, of course."
    words = playhead.played(SECOND)
    assert [(word.word, word.index) for word in words] == [("It", 3), ("is", 4), ("here!", 5)]
    assert words[0].start == 1
    assert playhead.heard == playhead.text


def test_spaces_of_the_sentences_are_kept_and_only_missing_ones_added() -> None:
    assert spoken(("One. ", 1), ("Two.", 1), ("\nThree.", 1)).text == "One. Two.\nThree."
    assert spoken(("你好。", 1), ("世界。", 1)).text == "你好。世界。"
    assert spoken(("", 1), ("a", 1), ("", 1), ("b", 1)).text == "a b"


def test_the_vendor_s_times_decide() -> None:
    playhead = Playhead()
    playhead.begin("Order 1001 was shipped.")
    for word, start in (("order", 0.1), ("one", 0.5), ("thousand", 0.8), ("one", 1.2), ("was", 1.6), ("shipped", 2.0)):
        playhead.word_time(word, start, start + 0.3)
    playhead.queued(3 * SECOND)
    assert [word.word for word in playhead.played(SECOND)] == ["Order", "1001"]
    assert playhead.heard == "Order 1001"
    assert playhead.played(round(0.59 * SECOND)) == []
    assert [(word.word, word.start) for word in playhead.played(SECOND)] == [("was", 1.6), ("shipped.", 2.0)]


def test_a_corrected_estimate_takes_nothing_back() -> None:
    playhead = Playhead()
    playhead.begin("a sentence that is spoken very slowly indeed")  # 44 letters, taken for 2.9 s
    playhead.queued(2 * SECOND)
    first = playhead.played(2 * SECOND)
    before = playhead.heard
    assert before.startswith("a sentence that is spoken")
    playhead.queued(18 * SECOND)
    playhead.complete()
    assert playhead.played(SECOND) == []
    assert playhead.heard == before
    rest = playhead.played(17 * SECOND)
    assert [word.index for word in [*first, *rest]] == list(range(8))
    assert rest[0].start > 10


def test_an_end_that_comes_early_brings_the_rest() -> None:
    playhead = Playhead()
    playhead.begin("a sentence that is spoken very fast indeed")
    playhead.queued(SECOND)
    begun = playhead.played(SECOND)
    assert len(begun) < 8
    assert not playhead.is_over
    playhead.complete()
    assert playhead.is_over
    assert playhead.heard == playhead.text
    rest = playhead.played(0)
    assert [word.index for word in [*begun, *rest]] == list(range(8))
    assert rest[0].start >= begun[-1].start
    assert playhead.played(0) == []


def test_a_sentence_without_sound_is_not_heard() -> None:
    playhead = spoken(("Heard.", 1), ("Not heard.", 0))
    playhead.played(SECOND)
    assert playhead.is_over
    assert playhead.heard == "Heard."


def test_nothing_is_over_at_once() -> None:
    playhead = Playhead()
    playhead.word_time("stray", 0, 1)
    playhead.queued(320)
    playhead.complete()
    assert playhead.is_over
    assert playhead.played(320) == []
    assert (playhead.heard, playhead.played_ms) == ("", 0)


WORDS = st.sampled_from(
    ["Order", "1001", "was", "one", "thousand", "–", "shipped.", "你好", "“so”", "don't", "🙂", "$20"]
)
SENTENCES = st.lists(WORDS, min_size=1, max_size=12).map(" ".join)
TIMES = st.tuples(WORDS | st.text(max_size=5), st.floats(-1, 20), st.floats(-1, 20))
STEPS = st.lists(
    st.one_of(
        st.integers(0, 8_000).map(lambda samples: ("queued", (samples,))),
        st.integers(0, 8_000).map(lambda samples: ("played", (samples,))),
        TIMES.map(lambda time: ("word_time", time)),
        SENTENCES.map(lambda text: ("begin", (text,))),
        st.just(("complete", ())),
    ),
    max_size=60,
)


@settings(max_examples=200, deadline=None)
@given(SENTENCES, STEPS)
@example("–", [("queued", (1,)), ("begin", ("你好",))])  # a sentence of no words, and no space after it
def test_whatever_happens_the_heard_is_a_growing_prefix(text: str, steps: list[tuple[str, tuple[object, ...]]]) -> None:
    playhead = Playhead()
    playhead.begin(text)
    words: list[HeardWord] = []
    before, is_sounding, is_complete = "", [False], False
    for name, arguments in [*steps, ("queued", (320,)), ("complete", ()), ("played", (10**9,))]:
        if name == "queued" and is_complete:
            continue
        is_complete = name == "complete" or (is_complete and name != "begin")
        told = getattr(playhead, name)(*arguments)
        words += told or ()
        if name == "begin":
            is_sounding.append(False)
        elif name == "queued" and arguments[0]:
            is_sounding[-1] = True
        assert playhead.text.startswith(playhead.heard)
        assert playhead.heard.startswith(before)
        assert playhead.words_heard <= len(words) or name != "played"
        before = playhead.heard
    assert playhead.is_over
    assert [word.index for word in words] == list(range(len(words)))
    assert all(this.start <= following.start for this, following in pairwise(words))
    assert all(0 <= word.start <= word.end <= playhead.played_ms / 1000 + 100 for word in words)
    assert playhead.words_heard == len(words)
    if all(is_sounding):
        sentences = [text, *(str(arguments[0]) for name, arguments in steps if name == "begin")]
        said = [piece for piece in " ".join(sentences).split() if any(letter.isalnum() for letter in piece)]
        assert "".join(word.word for word in words) == "".join(said)


def test_a_sentence_may_grow_while_it_is_heard_and_half_a_word_becomes_the_whole() -> None:
    playhead = Playhead()
    playhead.extend("aaaa bb")
    playhead.queued(SECOND)
    assert [word.word for word in playhead.played(round(0.8 * SECOND))] == ["aaaa", "bb"]
    playhead.extend("bb cccc")
    playhead.queued(SECOND // 2)
    assert not playhead.is_over
    playhead.complete()
    assert [word.word for word in playhead.played(SECOND)] == ["cccc"]
    assert (playhead.heard, playhead.text, playhead.is_over) == ("aaaa bbbb cccc", "aaaa bbbb cccc", True)
