"""What an agent's runner can have done with a telephone line that Twilio carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinecall_run.transports import twiml
from pinecall_run.transports.twilio_rest import TwilioError
from pinecall_run.voice.phone_desk import dialable

if TYPE_CHECKING:  # they need this module, and an extra
    from pinecall_run.transports.twilio_stream import StreamCall
    from pinecall_run.voice.twilio_calls import TwilioCalls


class TwilioLine:
    """One call's line (see :class:`pinecall_run.transports.contract.PhoneLine`); ``person`` is the number of who is on
    it."""

    has_voice = True

    def __init__(
        self, calls: TwilioCalls, stream: StreamCall, *, call_sid: str, agent_id: str, language: str, person: str
    ) -> None:
        self._calls = calls
        self._stream = stream
        self._call_sid = call_sid
        self._agent_id = agent_id
        self._language = language
        self._person = person

    def press(self, digits: str) -> None:
        """See the contract: Twilio takes no keys on a stream, so that they are played."""
        self._stream.press(digits)

    def forward(self, to: str, *, message: str, announce: bool, summary: str = "") -> None:
        """See the contract."""
        whisper = twiml.whispered(self._person if announce else "", summary, self._language)
        self._stream.hands_on()
        self._calls.start(self._forward(to, message, whisper))

    async def _forward(self, to: str, message: str, whisper: str) -> None:
        gone_to = ""
        try:
            document = self._calls.handing_on(dialable(to), message=message, language=self._language, whisper=whisper)
            await self._calls.redirect(self._call_sid, document)
        except TwilioError as error:
            self._calls.desk.not_forwarded(self._agent_id, str(error))
        else:
            gone_to = to
        finally:
            self._stream.handed_on(gone_to)
