"""Whether a request carries the right Signature Version 4: recomputed by botocore, from what the server received.

Sources, read in November 2026: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html,
…/transcribe/latest/dg/websocket.html (what a presigned URL holds), …/polly/latest/dg/CommonErrors.html.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ALGORITHM = "AWS4-HMAC-SHA256"
STAMP = "%Y%m%dT%H%M%SZ"
TOLERANCE = timedelta(minutes=5)
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^,\s]+),\s*SignedHeaders=([^,\s]+),\s*Signature=(\w+)")
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key"
    " and signing method. Consult the service documentation for details."
)
UNKNOWN_KEY = "The security token included in the request is invalid."


@dataclass(frozen=True)
class Keys:
    """Whose requests are served, and where. A ``token`` belongs to temporary keys and is then needed."""

    key: str
    secret: str
    token: str | None
    region: str


@dataclass(frozen=True)
class Asked:
    """A request as it came in; the names of ``headers`` are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Without the query."""
        return urlsplit(self.target).path

    @property
    def query(self) -> list[tuple[str, str]]:
        """Names and values, decoded as RFC 3986 says: a plus is a plus."""
        query = urlsplit(self.target).query.replace("+", "%2B")
        return parse_qsl(query, keep_blank_values=True)


@dataclass(frozen=True)
class Signature:
    """The parts of a signature, from a header or from a query."""

    credential: str
    stamp: str
    headers: str
    digest: str
    token: str | None
    lasts: timedelta = TOLERANCE
    query: list[tuple[str, str]] = field(default_factory=list)
    """What of the query is signed."""

    @property
    def at(self) -> datetime:
        """When it was made."""
        return datetime.strptime(self.stamp, STAMP).replace(tzinfo=UTC)


class RefusedError(Exception):
    """What is answered in place of what was asked: an error's name and its words.

    ``is_fault`` says that a client must never get it; a wrong key is no fault.
    """

    def __init__(self, code: str, message: str, *, is_fault: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.is_fault = is_fault


def read_authorization(asked: Asked) -> Signature:
    """The signature of a request that is signed in its headers.

    Raises:
        RefusedError: there is none, or it cannot be read.
    """
    authorization = asked.headers.get("authorization", "")
    if not authorization:
        raise RefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")
    found = AUTHORIZATION.fullmatch(authorization)
    stamp = asked.headers.get("x-amz-date", "")
    if found is None or not _is_stamp(stamp):
        raise RefusedError(
            "IncompleteSignatureException", f"Authorization header is not complete: {authorization[:40]}"
        )
    body_hash = asked.headers.get("x-amz-content-sha256")
    if body_hash is not None and body_hash != hashlib.sha256(asked.body).hexdigest():
        raise RefusedError("InvalidSignatureException", MISMATCH)
    credential, headers, digest = found.groups()
    return Signature(credential, stamp, headers, digest, asked.headers.get("x-amz-security-token"), query=asked.query)


def read_presigned(asked: Asked, longest: int) -> Signature:
    """The signature of a request that is signed in its URL, for at most ``longest`` seconds.

    Raises:
        RefusedError: there is none, or it cannot be read, or it lasts too long.
    """
    given = dict(asked.query)
    needed = ("Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature")
    if missing := [f"X-Amz-{name}" for name in needed if not given.get(f"X-Amz-{name}")]:
        raise RefusedError("BadRequestException", f"Missing Authentication Token: no {', '.join(missing)}")
    if given["X-Amz-Algorithm"] != ALGORITHM or not _is_stamp(given["X-Amz-Date"]):
        raise RefusedError("BadRequestException", "X-Amz-Algorithm or X-Amz-Date cannot be used")
    expires = given["X-Amz-Expires"]
    if not re.fullmatch(r"\d{1,6}", expires) or not 0 < int(expires) <= longest:
        raise RefusedError("BadRequestException", f"X-Amz-Expires must be between 1 and {longest}, is {expires}")
    return Signature(
        given["X-Amz-Credential"],
        given["X-Amz-Date"],
        given["X-Amz-SignedHeaders"],
        given["X-Amz-Signature"],
        given.get("X-Amz-Security-Token"),
        timedelta(seconds=int(expires)),
        [pair for pair in asked.query if pair[0] != "X-Amz-Signature"],
    )


def check(asked: Asked, signature: Signature, service: str, keys: Keys) -> None:
    """Lets a request pass that is signed by the keys, for the service in the region, now.

    Raises:
        RefusedError: with the name that AWS's services give the mistake.
    """
    key, _, scope = signature.credential.partition("/")
    date, _, rest = scope.partition("/")
    region, _, rest = rest.partition("/")
    if key != keys.key or signature.token != keys.token:
        raise RefusedError("UnrecognizedClientException", UNKNOWN_KEY, is_fault=False)
    if region != keys.region:
        raise RefusedError("InvalidSignatureException", "Credential should be scoped to a valid region. ")
    if rest != f"{service}/aws4_request":
        raise RefusedError(
            "InvalidSignatureException", f"Credential should be scoped to correct service: '{service}'. "
        )
    if date != signature.stamp[:8]:
        raise RefusedError("InvalidSignatureException", "Date in Credential scope does not match YYYYMMDD of the date")
    check_time(signature.at, signature.lasts)
    if not hmac.compare_digest(_recomputed(asked, signature, service, keys), signature.digest):
        raise RefusedError("InvalidSignatureException", MISMATCH, is_fault=False)


def check_time(at: datetime, lasts: timedelta = TOLERANCE) -> None:
    """Lets a signature pass that was made ``at`` a time that is neither too long ago nor to come.

    Raises:
        RefusedError: it is.
    """
    now = datetime.now(UTC)
    if at + lasts < now:
        bound = f"{now - lasts:{STAMP}} ({now:{STAMP}} - {lasts.seconds // 60} min.)"
        raise RefusedError("InvalidSignatureException", f"Signature expired: {at:{STAMP}} is now earlier than {bound}")
    if at - TOLERANCE > now:
        bound = f"{now + TOLERANCE:{STAMP}} ({now:{STAMP}} + 5 min.)"
        raise RefusedError(
            "InvalidSignatureException", f"Signature not yet current: {at:{STAMP}} is still later than {bound}"
        )


def sign_chunk(payload: bytes, headers: bytes, at: datetime, before: bytes, keys: Keys) -> bytes:
    """The signature of a message of a stream, by the signature of the one ``before`` it."""
    stamp = at.strftime(STAMP)
    hashes = [hashlib.sha256(part).hexdigest() for part in (headers, payload)]
    scope = f"{stamp[:8]}/{keys.region}/transcribe/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256-PAYLOAD", stamp, scope, before.hex(), *hashes])
    request = AWSRequest("POST", "/")
    request.context["timestamp"] = stamp
    return bytes.fromhex(_auth("transcribe", keys).signature(text, request))


def _recomputed(asked: Asked, signature: Signature, service: str, keys: Keys) -> str:
    """botocore signs what it finds in the request, so it finds there only what the client says that it signed."""
    names = signature.headers.split(";")
    if "host" not in names or not all(name in asked.headers for name in names):
        return ""
    request = AWSRequest(
        asked.method,
        f"http://{asked.headers['host']}{asked.path}",
        headers={name: asked.headers[name] for name in names},
        data=asked.body,
        params=signature.query,
    )
    request.context["timestamp"] = signature.stamp
    auth = _auth(service, keys)
    return str(auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request))


def _auth(service: str, keys: Keys) -> SigV4Auth:
    return SigV4Auth(Credentials(keys.key, keys.secret, keys.token), service, keys.region)


def _is_stamp(text: str) -> bool:
    try:
        return f"{datetime.strptime(text, STAMP):{STAMP}}" == text  # noqa: DTZ007 - only its form is looked at
    except ValueError:
        return False
