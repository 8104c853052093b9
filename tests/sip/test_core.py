"""What calls and registrations share."""

from __future__ import annotations

from tests.sip._script import Dice, Line, settings

from pinecall_run.sip.core import Core, Exchange
from pinecall_run.sip.digest import Account, Answers
from pinecall_run.sip.message import Request, Response, respond
from pinecall_run.sip.outputs import Send
from pinecall_run.sip.parser import read_datagram
from pinecall_run.sip.peer import Peer


def test_where_we_can_be_reached() -> None:
    core = Core(settings(), Dice())
    assert core.contact("udp") == ("Contact", "<sip:192.0.2.1:5060>")
    assert core.contact("tls", "ana") == ("Contact", "<sip:ana@192.0.2.1:5061;transport=tls>")
    assert Core(settings(host="::1", ports={}), Dice()).contact("tls")[1] == "<sip:[::1]:5061;transport=tls>"


def test_every_request_has_a_branch_of_its_own_and_a_stateless_answer_the_same_tag() -> None:
    core = Core(settings(), Dice())
    request = read_datagram(Line().invite().encode())
    assert isinstance(request, Request)
    one, other = core.through(request, "tcp"), core.through(request, "tcp")
    assert one.headers.values("Via")[0].startswith("SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK")
    assert one.via.branch != other.via.branch
    assert core.tag_of(request) == core.tag_of(request) != core.tag_of(one)
    assert Core(settings(), Dice("x")).tag_of(request) != core.tag_of(request)
    assert 0 <= core.fraction() < 1


def test_passwords_and_challenges_are_not_shown() -> None:
    assert "secret" not in repr(settings(users={"ana": "secret"}))


class Asking:
    """An exchange and the server that it asks."""

    def __init__(self) -> None:
        self.core = Core(settings(), Dice())
        self.told: list[int] = []
        self.peer = Peer("udp", "h", 5060)
        self.number = 0
        answers = Answers(Account("ana", "secret"), self.core.chance)
        self.exchange = Exchange(
            self.core,
            self.make,
            self.peer,
            answers=answers,
            on_response=lambda response, now: self.told.append(response.status),
            now=0.0,
        )

    def make(self) -> Request:
        self.number += 1
        request = read_datagram(Line().request("OPTIONS", number=self.number).encode())
        assert isinstance(request, Request)
        return request

    def asked(self) -> list[Request]:
        found = [read_datagram(output.data) for output in self.core.outputs if isinstance(output, Send)]
        self.core.outputs.clear()
        return [request for request in found if isinstance(request, Request)]

    def say(self, status: int, **fields: str) -> None:
        given = [(name.replace("_", "-"), value) for name, value in fields.items()]
        response: Response = respond(self.exchange.transaction.request, status, tag="t", fields=given)
        assert self.core.transactions.answered(response, 0.0)


def test_each_attempt_is_a_new_request_with_all_that_was_asked_for() -> None:
    asking = Asking()
    (first,) = asking.asked()
    asking.say(407, Proxy_Authenticate='Digest realm="p", nonce="1", qop="auth"')
    (second,) = asking.asked()
    asking.say(401, WWW_Authenticate='Digest realm="r", nonce="2", qop="auth"')
    (third,) = asking.asked()
    assert [request.cseq[0] for request in (first, second, third)] == [1, 2, 3]
    assert len({request.via.branch for request in (first, second, third)}) == 3
    assert (second.headers.get("Authorization"), second.headers.get("Proxy-Authorization")[:6]) == ("", "Digest")
    assert 'realm="r"' in third.headers.get("Authorization")
    assert 'realm="p"' in third.headers.get("Proxy-Authorization")
    asking.say(100)
    asking.say(200)
    assert asking.told == [100, 200]


def test_a_challenge_that_cannot_be_met_is_told() -> None:
    asking = Asking()
    asking.say(401, WWW_Authenticate='Basic realm="x"')
    assert asking.told == [401]
    assert len(asking.asked()) == 1
