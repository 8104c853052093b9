"""What Amazon Transcribe makes of what was heard: partial and final results, with words and their times."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.emulators._sound import WORD_SECONDS, Heard

MARKS = ".,?!"


class Transcripts:
    """The events of one stream, each as the JSON of a TranscriptEvent."""

    def __init__(self, parameters: Mapping[str, str]) -> None:
        self._language = parameters.get("language-options", "").split(",")[0]
        self._is_stabilized = parameters.get("enable-partial-results-stabilization") == "true"
        self._id = ""
        self._start = 0.0

    def of(self, heard: Iterable[Heard]) -> Sequence[dict[str, Any]]:
        """An event for each; one that has begun is an event without results."""
        return [{"Transcript": {"Results": self._results(what)}} for what in heard]

    def _results(self, heard: Heard) -> list[dict[str, Any]]:
        if heard.kind == "started":
            self._id, self._start = str(uuid.uuid4()), heard.at
            return []
        is_partial = heard.kind == "grown"
        items = [item for number, word in enumerate(heard.words) for item in self._items(number, word, is_partial)]
        result = {
            "Alternatives": [{"Items": items, "Transcript": " ".join(heard.words)}],
            "EndTime": items[-1]["EndTime"],
            "IsPartial": is_partial,
            "ResultId": self._id,
            "StartTime": items[0]["StartTime"],
        }
        if self._language:
            identified = [{"LanguageCode": self._language, "Score": 0.97}]
            result |= {"LanguageCode": self._language, "LanguageIdentification": identified}
        return [result]

    def _items(self, number: int, word: str, is_partial: bool) -> Iterable[dict[str, Any]]:
        """The word, and the mark after it: of the same time as the word's end."""
        start = round(self._start + number * WORD_SECONDS, 3)
        end = round(start + WORD_SECONDS, 3)
        said = word.rstrip(MARKS)
        yield self._item("pronunciation", said, (start, end), is_partial)
        if word != said:
            yield self._item("punctuation", word[len(said) :], (end, end), is_partial)

    def _item(self, kind: str, content: str, times: tuple[float, float], is_partial: bool) -> dict[str, Any]:
        item: dict[str, Any] = {"Content": content, "EndTime": times[1], "StartTime": times[0], "Type": kind}
        item["VocabularyFilterMatch"] = False
        if not is_partial and kind == "pronunciation":
            item["Confidence"] = 0.98
        if self._is_stabilized:
            item["Stable"] = not is_partial
        return item
