"""Messages with the traits of those in RFC 4475, under its names, in words of our own."""

from __future__ import annotations

SOUND = (
    "v=0\no=- 1 1 IN IP4 192.0.2.5\ns=-\nc=IN IP4 192.0.2.5\nt=0 0\n"
    "m=audio 4000 RTP/AVP 0 12\nm=video 4002 RTP/AVP 31\n"
)
VIA = "Via: SIP/2.0/UDP ua.example.com;branch=z9hG4bK{name}"


def request(
    name: str,
    start: str,
    *extra: str,
    to: str = "To: <sip:bob@example.com>",
    from_: str = "From: <sip:ana@example.net>;tag=f1",
    via: str = VIA,
    number: str = "",
    body: str = "",
    length: str | None = None,
) -> bytes:
    """A message in its usual order, but for what is given."""
    method = start.split(" ")[0]
    lines = [start, via.format(name=name), from_, to, f"Call-ID: {name}.1@example.net", number or f"CSeq: 1 {method}"]
    contact = "Contact: <sip:ana@ua.example.com>"
    lines += [] if any(line.startswith(("Contact", "m:")) for line in extra) else [contact]
    lines += [*extra, *(["Content-Type: application/sdp"] if body == SOUND else [])]
    body = body.replace("\n", "\r\n")
    lines.append(f"Content-Length: {len(body.encode())}" if length is None else length)
    return ("\r\n".join(filter(None, lines)) + f"\r\n\r\n{body}").encode("utf-8", "surrogateescape")


def invite(name: str, *extra: str, uri: str = "sip:bob@example.com", **given: str) -> bytes:
    return request(name, f"INVITE {uri} SIP/2.0", *extra, **{"body": SOUND, **given})


def options(name: str, *extra: str, uri: str = "sip:bob@example.com", **given: str) -> bytes:
    return request(name, f"OPTIONS {uri} SIP/2.0", *extra, **given)


def register(name: str, *extra: str, uri: str = "sip:example.com", **given: str) -> bytes:
    return request(name, f"REGISTER {uri} SIP/2.0", *extra, **given)


FOLDED = f"""INVITE sip:bob@example.com;unknown SIP/2.0
TO :
 sip:bob@example.com ;   tag    = t1
from   : "Ana \\\\\\""       <sip:ana@example.net>
  ;
  tag = f1
MaX-fOrWaRdS: 0070
i: wsinv.1@example.net
l   : {len(SOUND) + SOUND.count(chr(10))}
cseq: 0009
  INVITE
v  : SIP  /   2.0
 /UDP
    192.0.2.9;branch=old
s :
NewField:   a value
 that goes on
Unusual: ;;,,;;,;
c: application/sdp
Route:
 <sip:p.example.com;lr;unknown=value;none>
v:  SIP  / 2.0  / TCP     p.example.com   ;
  branch  =   z9hG4bKa  ,
 SIP  /    2.0   / UDP  192.0.2.8   ; branch=
 z9hG4bKb
m:"Quoted \\"\\"" <sip:ana@example.com> ; new =
      param ;
  another ; q = 0.33

"""
STRANGE = "!odd-Method0123456789_*+`.%'~"


MESSAGES = {
    "wsinv": (FOLDED + SOUND).replace("\n", "\r\n").encode(),
    "intmeth": request(
        "intmeth",
        f"{STRANGE} sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,a,lot,of,odd@example.com SIP/2.0",
        to='To: "BEL:\\\x07 NUL:\\\x01 DEL:\\\x7f" <sip:1_odd@example.com>',
        from_="From: token1~` token2'+_ token3*%!.- <sip:x'%20x@example.net;odd>;fromParam''~+*_!.-%=\"quoted\";tag=_t",
    ),
    "esc01": invite(
        "esc01",
        "Contact: <sip:cal%6Cer@ua.example.net;%6C%72;n%61me=v%61lue%25%34%31>",
        uri="sip:sips%3Auser%40example.com@example.net",
        to="To: sip:%75se%72@example.com",
        from_="From: <sip:I%20have%20spaces@example.net>;tag=f1",
    ),
    "escnull": register("escnull", "Contact: <sip:%00@h.example.com>", "Contact: <sip:%00%00@h.example.com>"),
    "esc02": request("esc02", "RE%47IST%45R sip:r.example.com SIP/2.0", to='To: "%Z%45" <sip:res@example.com>'),
    "lwsdisp": options("lwsdisp", from_="From: ana<sip:ana@example.net>;tag=f1"),
    "longreq": invite(
        "longreq",
        f"User{'long' * 60}: {'value' * 300}",
        *(f"Via: SIP/2.0/TCP sip{at}.example.com;branch=z9hG4bK{at}" for at in range(33)),
        f"Contact: <sip:{'amazinglylong' * 20}@{'host.' * 20}example.com>",
        to=f'To: "{"A long name " * 60}" <sip:{"user" * 60}@example.com:6000;unknown={"value" * 40};none>',
        from_=f"From: <sip:ana@example.net>;tag={'long' * 60};param={'long' * 60}",
    ),
    "dblreq": register("dblreq") + invite("dblreq2"),
    "semiuri": options("semiuri", uri="sip:user;par=u%40example.net@example.com"),
    "transports": options(
        "transports",
        *(
            f"Via: SIP/2.0/{name} t{name}.example.com;branch=z9hG4bKt{name}"
            for name in ("SCTP", "TLS", "UNKNOWN", "TCP")
        ),
    ),
    "mpart01": request(
        "mpart01",
        "MESSAGE sip:bob@example.com SIP/2.0",
        'Content-Type: multipart/mixed;boundary="b1"',
        body="--b1\nContent-Type: text/plain\n\nHello\n"
        "--b1\nContent-Type: application/octet-stream\n\n\x01\x7f\n--b1--",
    ),
    "unreason": request("unreason", "SIP/2.0 200 = 2**3 * 5**2 но сто девяносто девять", number="CSeq: 1 INVITE"),
    "noreason": request("noreason", "SIP/2.0 100 ", number="CSeq: 1 INVITE"),
    "badinv01": invite("badinv01", 'Contact: "Joe" <sip:joe@example.org>;;;;', via="Via: SIP/2.0/UDP 192.0.2.15;;,;,,"),
    "clerr": invite("clerr", length="Content-Length: 9999"),
    "ncl": invite("ncl", length="Content-Length: -999"),
    "scalar02": register(
        "scalar02", "Max-Forwards: 300", "Expires: 10000000000", number="CSeq: 36893488147419103232 REGISTER"
    ),
    "scalarlg": request(
        "scalarlg",
        "SIP/2.0 503 No",
        "Retry-After: 949302838503028349304023988",
        number="CSeq: 9292394834772304023312 OPTIONS",
    ),
    "quotbal": invite("quotbal", to='To: "Mr. J. User <sip:bob@example.com>'),
    "ltgtruri": invite("ltgtruri", uri="<sip:bob@example.com>"),
    "lwsruri": invite("lwsruri", uri="sip:bob@example.com; lr"),
    "lwsstart": invite("lwsstart", uri=" sip:bob@example.com "),
    "trws": request("trws", "OPTIONS sip:bob@example.com SIP/2.0  "),
    "escruri": invite("escruri", uri="sip:bob@example.com?Route=%3Csip:example.com%3E"),
    "baddate": invite("baddate", "Date: Fri, 01 Jan 2010 16:00:00 EST"),
    "regbadct": register("regbadct", "Contact: sip:bob@example.com?Route=%3Csip:sip.example.com%3E"),
    "badaspec": options("badaspec", to='To: "Watson, Thomas" < sip:t.watson@example.org >'),
    "baddn": options("baddn", from_="From: Bell, Alexander <sip:a.g.bell@example.com>;tag=43"),
    "badvers": request(
        "badvers", "OPTIONS sip:t.watson@example.org SIP/7.0", via="Via: SIP/7.0/UDP c.example.com;branch=z9hG4bK1"
    ),
    "mismatch01": options("mismatch01", number="CSeq: 8 INVITE"),
    "mismatch02": request("mismatch02", "NEWMETHOD sip:bob@example.com SIP/2.0", number="CSeq: 8 INVITE"),
    "bigcode": request("bigcode", "SIP/2.0 4294967301 better not break the receiver", number="CSeq: 8 INVITE"),
    "badbranch": options("badbranch", via="Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK"),
    "insuf": b"INVITE sip:bob@example.com SIP/2.0\r\nCSeq: 1 INVITE\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKi\r\n\r\n",
    "unkscm": options("unkscm", uri="nobodyKnowsThisScheme:totallyopaquecontent"),
    "novelsc": options("novelsc", uri="soap.beep://192.0.2.103:3002"),
    "unksm2": register(
        "unksm2",
        "Contact: <name:John_Smith>",
        to="To: isbn:2983792873",
        from_="From: <http://www.example.com>;tag=f1",
    ),
    "bext01": options("bext01", "Require: nothingSupportsThis, norThis", "Proxy-Require: norThisEither"),
    "invut": invite("invut", "Content-Type: application/unknownformat", body="<audio>\n <pcmu port=4/>\n</audio>\n"),
    "regaut01": register("regaut01", "Authorization: NoOneKnowsThisScheme opaque-data=here"),
    "multi01": invite(
        "multi01",
        "CSeq: 59 INVITE",
        "Call-ID: other",
        "From: <sip:b@h>;tag=2",
        "To: <sip:c@h>",
        "Max-Forwards: 5",
        "Max-Forwards: 6",
    ),
    "mcl01": options("mcl01", "Content-Length: 13", "Content-Length: 5"),
    "bcast": request(
        "bcast", "SIP/2.0 200 OK", number="CSeq: 1 INVITE", via="Via: SIP/2.0/UDP 192.0.2.198;branch=z9hG4bKx"
    ),
    "zeromf": options("zeromf", "Max-Forwards: 0"),
    "cparam01": register("cparam01", "Contact: sip:+19725552222@gw1.example.net;unknownparam"),
    "cparam02": register("cparam02", "Contact: <sip:+19725552222@gw1.example.net;unknownparam>"),
    "regescrt": register("regescrt", "Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"),
    "sdp01": invite("sdp01", "Accept: text/nobodyKnowsThis"),
    "inv2543": (
        "INVITE sip:bob@example.com SIP/2.0\nVia: SIP/2.0/UDP ua.example.com\nFrom: <sip:ana@example.net>\n"
        "To: sip:bob@example.com\nCall-ID: inv2543.1@example.net\nCSeq: 56 INVITE\nContact: <sip:ana@ua.example.com>\n"
        f"Content-Type: application/sdp\n\n{SOUND}"
    )
    .replace("\n", "\r\n")
    .encode(),
}
