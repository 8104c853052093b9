"""What is read aloud is what a person would read aloud."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pinecall_run.voice.spoken_text import spoken

PIECES = st.sampled_from([*"ab 1*_`~#|[]()<>!\\-:/.,\n", "https://x.co/a", "😀", "é", "你"])
MARKS = st.lists(PIECES, max_size=40).map("".join)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Your order has shipped.", "Your order has shipped."),
        ("**Bold** and *it* and `code`, __x__, ~~no~~.", "Bold and it and code, x, no."),
        ("a **half", "a half"),
        ("half** of it", "half of it"),
        ("3 * 4 is 12, and snake_case stays", "3 * 4 is 12, and snake_case stays"),
        ("\\*not italic\\*", "not italic"),
        ("## Your order", "Your order"),
        ("> quoted", "quoted"),
        ("- an item", "an item"),
        ("- [x] done", "done"),
        ("• an item", "an item"),
        ("1. first", "1. first"),
        ("3. März", "3. März"),
        ("-5 degrees", "-5 degrees"),
        ("See [our page](https://a.com/x).", "See our page."),
        ("See [our page][1], ![a lamp](x.png).", "See our page, a lamp."),
        ("page](https://a.com/x) and more", "page and more"),
        ("See https://user@www.example.com:80/a/b?c=1, now.", "See example.com, now."),
        ("(https://x.com/a) <https://y.com/b>", "(x.com) y.com"),
        ("**https://x.com/a**", "x.com"),
        ("看https://x.com/a", "看x.com"),
        ("Write to a.b@example.com.", "Write to a.b@example.com."),
        ("| a | b |", "a, b"),
        ("|---|:--:|", ""),
        ("😀 hi 👩‍👩‍👧 there 1️⃣ ✓", "hi there 1"),
        ("```py\nx = 1\n```", ""),
        ("```py\nx = 1", ""),
        ("---", ""),
        ("***", ""),
        ("* * *", ""),
        ("<b>x</b><br/>", "x"),
        ("...", ""),
        ("", ""),
        ("¿Vale? 1.000,50 €", "¿Vale? 1.000,50 €"),
        ("你好。", "你好。"),
        ("नमस्ते। ক্‍ষ", "नमस्ते। ক্‍ষ"),
    ],
)
def test_what_is_written_is_said_without_marks(written: str, said: str) -> None:
    assert spoken(written) == said


@given(MARKS)
def test_nothing_is_said_that_has_no_sound(text: str) -> None:
    said = spoken(text)
    assert said == said.strip()
    assert not said or any(character.isalnum() for character in said)
    assert not any(mark in said for mark in ("**", "__", "`", "~~", "😀", "://", "|"))


@given(st.text(st.characters(categories=["L", "N"]), min_size=1))
@example("❶")
@example("\U0001f100")
def test_plain_words_stay(text: str) -> None:
    assert spoken(text) == text
