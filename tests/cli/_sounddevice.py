"""A file ``sounddevice.py`` without PortAudio: its microphone beeps, its loudspeaker is silent, in real time."""

FAKE = """
import threading
import time


class PortAudioError(Exception):
    pass


class RawStream:
    def __init__(self, samplerate, blocksize, channels, dtype, callback):
        assert (samplerate, blocksize, channels, dtype) == (16000, 320, 1, "int16")
        self._callback, self._is_open = callback, True
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self._thread.start()

    def _run(self):
        sample = (b"\\0\\0" * 320) * 25 + (b"\\0\\x20" * 320) * 15
        for number in range(100000):
            if not self._is_open:
                return
            at = number % 400 * 640
            heard = bytearray(640)
            self._callback(sample[at : at + 640].ljust(640, b"\\0"), heard, 320, None, None)
            time.sleep(0.02)

    def close(self):
        self._is_open = False
        self._thread.join()
"""
