"""How words sound in the phones of pocketsphinx's English model (those of CMUdict), by espeak-ng's rules."""

from __future__ import annotations

import re

from pinecall_run.providers._espeak import Espeak

_PHONES = {
    "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "ɔɪ": "OY", "tʃ": "CH", "dʒ": "JH", "ɜː": "ER", "oːɹ": "AO R",
    "a": "AA", "b": "B", "d": "D", "e": "EY", "f": "F", "h": "HH", "i": "IY", "j": "Y", "k": "K", "l": "L", "m": "M",
    "n": "N", "o": "OW", "p": "P", "r": "R", "s": "S", "t": "T", "u": "UW", "v": "V", "w": "W", "x": "K", "z": "Z",
    "æ": "AE", "ð": "DH", "ŋ": "NG", "ɐ": "AH", "ɑ": "AA", "ɒ": "AA", "ɔ": "AO", "ə": "AH", "ɚ": "ER", "ɛ": "EH",
    "ɜ": "ER", "ɡ": "G", "ɪ": "IH", "ɬ": "L", "ɹ": "R", "ɾ": "T", "ʃ": "SH", "ʊ": "UH", "ʌ": "AH", "ʒ": "ZH",
    "ʔ": "T", "θ": "TH", "ᵻ": "IH", "n̩": "AH N", "l̩": "AH L",
}  # fmt: skip
_SOUND = re.compile("|".join(sorted(_PHONES, key=len, reverse=True)))
_LANGUAGE_MARK = re.compile(r"\([^)]*\)")


def pronunciations(words: list[str]) -> dict[str, str]:
    """The phones of each word, with spaces between them; empty where a word has no sound."""
    library = Espeak()
    return {word: phones(library.phonemes(word, "en-us")) for word in words}


def phones(ipa: str) -> str:
    """Espeak's IPA for American English as phones of CMUdict, without stress."""
    return " ".join(_PHONES[sound] for sound in _SOUND.findall(_LANGUAGE_MARK.sub("", ipa)))
