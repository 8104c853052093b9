"""Servers on loopback that speak Amazon Transcribe's streaming over WebSocket and Amazon Polly's HTTP.

    async with aws_server(sentences=["where is my order"]) as server:
        server.environ                 # keys, region and both endpoints, as AWS's own libraries name them
        server.requests                # what the ears were asked for, then the voices; server.polly.requests of one
        server.trouble = Trouble(...)  # for both; server.transcribe.trouble and server.polly.trouble for one
        server.kill()                  # both; server.polly.kill() kills one

``transcribe`` (``_transcribe.py``) hears ``sentences``, each stream from the first on; ``transcribe.idle_seconds`` is
15, ``transcribe.max_streams`` 25. ``polly`` (``_polly.py``) speaks ``polly.pace`` seconds a piece, which is a word.

Signatures are recomputed by botocore; messages of the event stream are checked, with both checksums, and may be
signed or not, as AWS takes them. A wrong key, an unknown voice or language, and too many streams are no problem, only
an answer; any other refusal is in ``server.problems``, which must be empty at the end.

Troubles of the ears: ``refuse`` and ``hang`` in place of the upgrade; ``close``, ``drop``, ``stall``, ``garbage`` (a
wrong checksum) and ``error`` (an exception message named ``code``, and a close frame) after so many seconds of sound.
The exceptions of a stream are BadRequestException, ConflictException, InternalFailureException,
LimitExceededException and ServiceUnavailableException. Troubles of the voices: ``refuse``, ``hang`` and ``error``
(``code`` in x-amzn-ErrorType, with its status; ThrottlingException is a 400) in place of an answer; ``close``,
``drop``, ``stall`` and ``garbage`` (no HTTP chunk) after so many pieces.

Not AWS's, for no page has them: the words for a message that cannot be decoded and for too many streams, the close
code 1000 after an exception, and the name of the refusal of speech marks by the generative engine.

Sources, read in November 2026: https://docs.aws.amazon.com/transcribe/latest/dg/ websocket.html, event-stream.html,
streaming-setting-up.html, limits-guidelines.html; https://docs.aws.amazon.com/transcribe/latest/APIReference/
API_streaming_StartStreamTranscription.html, API_streaming_AudioEvent.html; https://docs.aws.amazon.com/polly/latest/dg/
API_SynthesizeSpeech.html, API_DescribeVoices.html, speechmarks.html, output.html, limits.html; botocore's model of
Polly, and the Ruby SDK's of Transcribe. For words that no page has, errors that people reported on GitHub:
awsdocs/amazon-transcribe-developer-guide 14, aws-samples/amazon-transcribe-live-call-analytics 41,
awslabs/amazon-transcribe-streaming-sdk 17 and 118, boto/boto3 3545, deeheber/text-to-speech-converter 30.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.emulators._polly import PollyServer
from tests.emulators._sigv4 import Keys
from tests.emulators._transcribe import TranscribeServer
from tests.emulators.trouble import Trouble


@dataclass
class AwsServer:
    """What a test sees of both services."""

    keys: Keys
    problems: list[str]
    transcribe: TranscribeServer
    polly: PollyServer

    @property
    def key(self) -> str:
        """The access key that is served."""
        return self.keys.key

    @property
    def environ(self) -> Mapping[str, str]:
        """What points a client here."""
        environ = {
            "AWS_ACCESS_KEY_ID": self.keys.key,
            "AWS_SECRET_ACCESS_KEY": self.keys.secret,
            "AWS_REGION": self.keys.region,
            "AWS_ENDPOINT_URL_TRANSCRIBE_STREAMING": self.transcribe.url,
            "AWS_ENDPOINT_URL_POLLY": self.polly.url,
        }
        return environ | ({"AWS_SESSION_TOKEN": self.keys.token} if self.keys.token else {})

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The parameters of the streams, then the bodies of what was to be spoken."""
        return self.transcribe.requests + self.polly.requests

    @property
    def connections(self) -> int:
        """How many sockets were opened so far."""
        return self.transcribe.connections + self.polly.connections

    @property
    def open_connections(self) -> int:
        """How many sockets are open."""
        return self.transcribe.open_connections + self.polly.open_connections

    @property
    def trouble(self) -> Trouble | None:
        """What goes wrong in either."""
        return self.transcribe.trouble or self.polly.trouble

    @trouble.setter
    def trouble(self, trouble: Trouble | None) -> None:
        self.transcribe.trouble = self.polly.trouble = trouble

    def kill(self) -> None:
        """Reset everything that is open, and whatever connects from now on."""
        self.transcribe.kill()
        self.polly.kill()

    def revive(self) -> None:
        """Serve again."""
        self.transcribe.revive()
        self.polly.revive()


@contextlib.asynccontextmanager
async def aws_server(
    *, sentences: Sequence[str] = ("where is my order",), token: str | None = None, region: str = "eu-west-1"
) -> AsyncIterator[AwsServer]:
    """The servers, while the block runs. With a ``token`` the keys are temporary ones, which need it.

    Raises:
        AssertionError: at the end, a client did what AWS refuses, or what a client must not do.
    """
    keys = Keys("ASIAEMULATED" if token else "AKIAEMULATED", "emulated/secret+key", token, region)
    problems: list[str] = []
    transcribe = TranscribeServer(keys, problems, sentences=sentences)
    polly = PollyServer(keys, problems)
    async with contextlib.AsyncExitStack() as stack:
        for part in (transcribe, polly):
            await part.open()
            stack.push_async_callback(part.close)
        yield AwsServer(keys, problems, transcribe, polly)
    assert not problems, problems
