"""libespeak-ng by ctypes, as the wheel ``espeakng-loader`` brings it.

The library is under GPL-3, which is why it is an optional extra. Source: speak_lib.h of espeak-ng 1.52,
https://github.com/espeak-ng/espeak-ng.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import espeakng_loader  # type: ignore[import-untyped]

_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_PIECE_MS = 60
_CHARS_UTF8, _END_PAUSE = 1, 0x1000
_POSITION_IN_CHARACTERS = 1
_SPEED, _PITCH = 1, 3
_LIST_END, _WORD, _END = 0, 1, 5
_IPA = 2


class Mark(NamedTuple):
    """A word begins, or a clause ends (``position`` is ``None``): the character of the text, and the sample."""

    position: int | None
    sample: int


Piece = Callable[[bytes, list[Mark]], bool]
"""Takes 16-bit samples and the marks in them; false stops the speech."""


class EspeakError(Exception):
    """The library refused; the message says what."""


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


class _Voice(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("more", ctypes.c_char * 4),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


class Espeak:
    """The library, once in a process and for one thread at a time: all of its state is global.

    Raises:
        EspeakError: it cannot be loaded, or finds no data.
    """

    def __init__(self) -> None:
        try:
            self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (OSError, RuntimeError) as error:
            raise EspeakError(str(error)) from error
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self.rate: int = self._library.espeak_Initialize(_SYNCHRONOUS, _PIECE_MS, data.encode(), _DONT_EXIT)
        if self.rate <= 0:
            raise EspeakError("libespeak-ng does not start")
        self.voices = {name: file for _, name, file in sorted(self._list_voices(), reverse=True)}
        """Names in small letters to what the library finds a voice by; the best voice of a language is its own."""
        self._take: Piece = lambda samples, marks: False
        self._failure: BaseException | None = None
        self._callback = _CALLBACK(self._called)  # the library keeps a bare pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: tuple[str, int, int], take: Piece) -> None:
        """Hand the sound of ``text`` to ``take``, until it is over or stopped. A voice has a file, words a minute, and
        a pitch from 0 to 100."""
        name, speed, pitch = voice
        self._set_voice(name)
        self._library.espeak_SetParameter(_SPEED, speed, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        self._take, self._failure = take, None
        encoded = text.replace("\0", " ").encode(errors="replace")
        size, flags = ctypes.c_size_t(len(encoded) + 1), _CHARS_UTF8 | _END_PAUSE
        status = self._library.espeak_Synth(encoded, size, 0, _POSITION_IN_CHARACTERS, 0, flags, None, None)
        if self._failure is not None:
            raise self._failure
        if status:
            raise EspeakError(f"libespeak-ng answered {status}")

    def phonemes(self, word: str, voice: str) -> str:
        """How ``voice`` pronounces a word, in IPA."""
        self._set_voice(voice)
        text = ctypes.c_char_p(word.replace("\0", " ").encode(errors="replace"))
        found: bytes | None = self._library.espeak_TextToPhonemes(ctypes.byref(text), _CHARS_UTF8, _IPA)
        return (found or b"").decode(errors="replace")

    def _set_voice(self, name: str) -> None:
        if self._library.espeak_SetVoiceByName(name.encode(errors="replace")):
            raise EspeakError(f"libespeak-ng has no voice `{name}`")

    def _called(self, samples: int | None, count: int, events: Any) -> int:
        """What the library calls; an exception must not get into it. Anything but 0 stops it."""
        try:
            sound = ctypes.string_at(samples, count * 2) if samples and count else b""
            return 0 if self._take(sound, list(_marks(events))) else 1
        except BaseException as error:  # noqa: BLE001 - raised again where it was called from
            self._failure = error
            return 1

    def _list_voices(self) -> Iterator[tuple[int, str, str]]:
        """Priority (low is good), name and file, for each name of a voice: its file, its title, its languages."""
        listed = self._library.espeak_ListVoices(None)
        at = 0
        while listed[at]:
            voice = listed[at].contents
            file = voice.identifier.decode()
            yield from ((0, name.decode().lower(), file) for name in (voice.identifier, voice.name))
            address = voice.languages
            while (priority := ctypes.string_at(address, 1)) != b"\0":  # a byte, a terminated text, and so on
                language = ctypes.string_at(address + 1)
                yield priority[0], language.decode().lower(), file
                address += len(language) + 2
            at += 1


def _marks(events: Any) -> Iterator[Mark]:
    at = 0
    while events[at].type != _LIST_END:
        event = events[at]
        if event.type == _WORD:
            yield Mark(max(event.text_position - 1, 0), event.sample)
        elif event.type == _END:
            yield Mark(None, event.sample)
        at += 1
