"""How well the offline ear understands callers of flite, with and without a grammar, and how long it takes.

One JSON line for each voice and way of listening. It decodes in this process, as fast as it can.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from pathlib import Path

from pocketsphinx import Decoder

from pinecall_run.providers import grammar
from pinecall_run.providers._decoder import Ear

sys.path.insert(0, str(Path(__file__).parents[1]))  # a script finds only what lies beside it
from tests.providers._callers import chunks, errors, said

SENTENCES = [
    "where is order one thousand and one",
    "i would like to speak to a person please",
    "can you check the status of my order",
    "my order number is one thousand and two",
    "i want to return a broken lamp",
    "the package has not arrived yet",
    "what are your opening hours on saturday",
    "please cancel my subscription today",
    "how much does the delivery cost",
    "thank you very much goodbye",
]
GRAMMAR = [
    *(sentence for sentence in SENTENCES if "thousand" not in sentence),
    "where is order <number>",
    "my order number is <number>",
]
HALF = GRAMMAR[:4] + GRAMMAR[-2:]
VOICES = ("kal", "slt", "rms", "awb")


def main() -> None:
    if shutil.which("flite") is None:
        print(json.dumps({"bench": "offline_voice", "skipped": "flite is not installed: apt-get install flite"}))
        return
    for name, written in (("open", []), ("grammar", GRAMMAR), ("grammar of half", HALF)):
        for voice in VOICES:
            print(json.dumps({"ear": name, "voice": voice, **measured(written, voice)}), flush=True)


def measured(written: list[str], voice: str) -> dict[str, float]:
    """Word error rate, and processor seconds for each second of sound and for the end of a sentence."""
    answers: list[dict[str, object]] = []
    ear = Ear(Decoder(loglevel="FATAL"), answers.append)
    rules = grammar.jsgf(written)
    ear.prepare(json.dumps({"grammar": rules, "words": grammar.words(rules)}).encode())
    wrong, seconds, busy, ends = 0, 0.0, 0.0, []
    for sentence in SENTENCES:
        answers.clear()
        heard = chunks(said(sentence, voice), before=1)
        began = time.process_time()
        for chunk in heard:
            ear.hear(chunk.tobytes())
        ended = time.process_time()
        ear.finish()
        ends.append(time.process_time() - ended)
        busy, seconds = busy + ended - began, seconds + len(heard) * 0.02
        wrong += errors(sentence, " ".join(str(answer["text"]) for answer in answers if answer.get("is_final")))
    words = sum(len(sentence.split()) for sentence in SENTENCES)
    return {
        "word_error_rate": round(wrong / words, 3),
        "processor_per_second": round(busy / seconds, 2),
        "end_seconds": round(sum(ends) / len(ends), 3),
    }


if __name__ == "__main__":
    main()
