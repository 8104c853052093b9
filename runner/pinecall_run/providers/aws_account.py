"""Whose requests to Amazon's services are signed, in which region they go where, and what their errors are called.

botocore knows where keys may lie (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html, read
in November 2026): environment, profiles, single sign-on, roles, and those of the machine. All but the first of these
may take a while, so they are looked for in a thread; what was found is kept, and botocore renews it before it expires.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from botocore.credentials import EnvProvider, ReadOnlyCredentials  # type: ignore[import-untyped]
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    PartialCredentialsError,
    ProfileNotFound,
)
from botocore.session import Session  # type: ignore[import-untyped]

from pinecall_run.providers.contracts import FailureKind, ProviderError
from pinecall_run.providers.failures import Vendor
from pinecall_run.vendors.aws import KEY, SECRET

_HINT = f"set {KEY} and {SECRET}, or AWS_PROFILE, where the voice server runs"

_KINDS: Mapping[str, FailureKind] = {
    **dict.fromkeys((
        "AccessDeniedException", "ExpiredTokenException", "IncompleteSignatureException", "InvalidSignatureException",
        "MissingAuthenticationTokenException", "OptInRequired", "SubscriptionRequiredException",
        "UnrecognizedClientException",
    ), "key"),
    **dict.fromkeys(
        ("LimitExceededException", "ServiceQuotaExceededException", "ThrottlingException", "TooManyRequestsException"),
        "rate_limit",
    ),
    **dict.fromkeys((
        "ConflictException", "InternalFailure", "InternalFailureException", "ServiceFailureException",
        "ServiceUnavailableException",
    ), "unavailable"),
    "BadRequestException": "request",
    "RequestTimeoutException": "timeout",
}  # fmt: skip
"""Sources: CommonErrors.html of both services' references, and what is in their models. Statuses do not tell: too many
requests are a 400."""

_URL = re.compile(r"(https?|wss?)://[^\s/?#@]+(/[^\s?#]*)?")

_SESSIONS: dict[str, Any] = {}
"""By profile, the sessions of botocore that found keys. Only the thread looks into them."""

_ASIDE = ThreadPoolExecutor(1, "aws-keys")
"""One thread, so that the calls that begin at once look for keys once, and hold nobody else's threads."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What signs a request: keys that are good for now, and the region."""

    keys: ReadOnlyCredentials
    region: str


class Account:
    """Where the requests of one service go, and by whom.

    ``region`` is the project's own, if it has one; ``endpoint`` is the environment variable for another address.
    """

    def __init__(self, name: str, environ: Mapping[str, str], *, endpoint: str, region: str) -> None:
        self._environ = environ
        self._region = region or environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
        self._secrets: list[str] = []
        self.vendor = Vendor(name, f"{KEY} or the profile", endpoint, self._secrets)

    async def identity(self) -> Identity:
        """Keys and region, looked for where AWS's own tools do.

        Raises:
            ProviderError: there are none, or they cannot be had.
        """
        try:
            keys, region = await self._found()
        except (PartialCredentialsError, ProfileNotFound) as error:
            raise self._missing("has no keys here", _HINT, str(error)) from error
        except (BotoCoreError, ClientError, OSError, RuntimeError, ValueError) as error:  # the last two: of expiry
            raise self.vendor.failed("has no keys here: they could not be had", "failed", str(error)) from error
        if keys is None:
            raise self._missing("has no keys here", _HINT)
        if not region:
            raise self._missing("is in no region", "set AWS_REGION where the voice server runs, or `region`")
        self._secrets[:] = [secret for secret in (keys.secret_key, keys.token) if secret]
        return Identity(keys, region)

    def address(self, default: str, region: str) -> str:
        """The endpoint: what the environment says, or the ``default``, where ``{}`` stands for the region's domain.

        Raises:
            ProviderError: what the environment says is no address.
        """
        domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        own = self._environ.get(self.vendor.endpoint, "").rstrip("/")
        if own and not _URL.fullmatch(own):
            error = self.vendor.failed("cannot be reached", "request", f"{self.vendor.endpoint} is no address")
            raise ProviderError(str(error), "write it like https://host:port", kind="request")
        return own or default.format(f"{region}.{domain}")

    def refused(self, name: str, words: str) -> ProviderError:
        """The error for one of AWS's own, by its name. Kept keys that it no longer takes are looked for anew."""
        kind = _KINDS.get(name, "request")
        if kind == "key":
            _SESSIONS.clear()
        what = {"key": "refused the keys", "rate_limit": "is asked too much at once"}.get(kind, f"answered {name}")
        return self.vendor.failed(what, kind, words)

    async def _found(self) -> tuple[ReadOnlyCredentials | None, str]:
        own = EnvProvider(self._environ).load()
        if own is not None and self._region:
            return own.get_frozen_credentials(), self._region
        profile = self._environ.get("AWS_PROFILE") or self._environ.get("AWS_DEFAULT_PROFILE") or ""
        loop = asyncio.get_running_loop()
        keys, region = await loop.run_in_executor(_ASIDE, _look_up, profile, own)
        return keys, self._region or region

    def _missing(self, what: str, hint: str, words: str = "") -> ProviderError:
        return ProviderError(str(self.vendor.failed(what, "missing", words)), hint, kind="missing")


def _look_up(profile: str, own: Any) -> tuple[ReadOnlyCredentials | None, str]:
    """In the thread: the keys of a profile, where there are not ``own`` ones, and its region."""
    session = _SESSIONS.get(profile) or Session(profile=profile or None)
    keys = own or session.get_credentials()
    frozen = keys.get_frozen_credentials() if keys is not None else None
    region = session.get_config_variable("region") or ""
    if frozen is not None:
        _SESSIONS[profile] = session
    return frozen, region
