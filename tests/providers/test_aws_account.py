"""Keys and regions are found where AWS's own tools find them, without holding anybody up."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials, RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError

from pinecall_run.providers import aws_account
from pinecall_run.providers.aws_account import Account
from pinecall_run.providers.contracts import ProviderError

OWN = {"AWS_ACCESS_KEY_ID": "AKIAOWN", "AWS_SECRET_ACCESS_KEY": "own-secret", "AWS_REGION": "eu-west-1"}


@pytest.fixture(autouse=True)
def _nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    aws_account._SESSIONS.clear()
    yield
    aws_account._SESSIONS.clear()


def account(environ: dict[str, str], region: str = "") -> Account:
    return Account("Amazon Polly", environ, endpoint="AWS_ENDPOINT_URL_POLLY", region=region)


class FakeSession:
    """Finds keys when it may, and says from which thread it was asked."""

    keys: Any = Credentials("AKIAFOUND", "found-secret")
    made = 0
    asked: list[str]
    may: threading.Event

    def __init__(self, profile: str | None) -> None:
        FakeSession.made += 1

    def get_credentials(self) -> Any:
        FakeSession.asked.append(threading.current_thread().name)
        assert self.may.wait(5)
        if isinstance(self.keys, Exception):
            raise self.keys
        return self.keys

    def get_config_variable(self, name: str) -> str | None:
        return "us-west-2" if name == "region" else None


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeSession]:
    monkeypatch.setattr(aws_account, "Session", FakeSession)
    monkeypatch.setattr(FakeSession, "keys", FakeSession.keys)
    monkeypatch.setattr(FakeSession, "made", 0)
    monkeypatch.setattr(FakeSession, "asked", [], raising=False)
    monkeypatch.setattr(FakeSession, "may", threading.Event(), raising=False)
    FakeSession.may.set()
    return FakeSession


async def test_the_environments_own_keys_come_first(fake: type[FakeSession]) -> None:
    found = await account(OWN | {"AWS_SESSION_TOKEN": "token"}).identity()
    assert (found.keys.access_key, found.keys.secret_key, found.keys.token) == ("AKIAOWN", "own-secret", "token")
    assert (found.region, fake.asked) == ("eu-west-1", [])


async def test_a_region_is_the_projects_own_or_the_environments_or_the_profiles(fake: type[FakeSession]) -> None:
    keys = {name: value for name, value in OWN.items() if name != "AWS_REGION"}
    assert (await account(OWN, "ap-south-1").identity()).region == "ap-south-1"
    assert (await account(keys | {"AWS_DEFAULT_REGION": "eu-north-1"}).identity()).region == "eu-north-1"
    found = await account(keys).identity()
    assert (found.region, found.keys.access_key, fake.asked) == ("us-west-2", "AKIAOWN", [])


async def test_others_are_looked_for_aside_and_once(fake: type[FakeSession]) -> None:
    fake.may.clear()
    looking = [asyncio.create_task(account({}).identity()) for _ in range(2)]
    await asyncio.sleep(0.05)
    assert not any(each.done() for each in looking)  # and yet this goes on
    fake.may.set()
    assert [found.keys.access_key for found in await asyncio.gather(*looking)] == ["AKIAFOUND"] * 2
    assert {name.partition("_")[0] for name in fake.asked} == {"aws-keys"}
    assert fake.made == 1


async def test_keys_are_renewed_before_they_expire(fake: type[FakeSession]) -> None:
    def renewed() -> dict[str, str]:
        expiry = datetime.now(UTC) + timedelta(hours=1)
        return {"access_key": "AKIANEW", "secret_key": "new", "token": "t", "expiry_time": expiry.isoformat()}

    soon = datetime.now(UTC) + timedelta(minutes=5)
    fake.keys = RefreshableCredentials("AKIAOLD", "old", "t", soon, renewed, "test")
    assert (await account({}).identity()).keys.access_key == "AKIANEW"


async def test_a_profile_is_read_from_its_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_text("[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = work-secret\n")
    (tmp_path / "config").write_text("[profile work]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    found = await account({"AWS_PROFILE": "work"}).identity()
    assert (found.keys.access_key, found.region) == ("AKIAWORK", "eu-central-1")
    with pytest.raises(ProviderError, match=r"no keys here: The config profile \(home\) could not be found") as raised:
        await account({"AWS_PROFILE": "home"}).identity()
    assert raised.value.kind == "missing"


@pytest.mark.parametrize(
    ("environ", "words", "hint"),
    [
        ({}, "Amazon Polly has no keys here", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, where"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "missing: AWS_SECRET_ACCESS_KEY", "set AWS_ACCESS_KEY_ID"),
        ({**OWN, "AWS_REGION": ""}, "Amazon Polly is in no region", "set AWS_REGION"),
    ],
)
async def test_what_is_missing_is_told(environ: dict[str, str], words: str, hint: str) -> None:
    with pytest.raises(ProviderError) as raised:
        await account(environ).identity()
    assert words in str(raised.value)
    assert raised.value.hint.startswith(hint)
    assert raised.value.kind == "missing"


async def test_keys_that_cannot_be_had_may_be_had_later(fake: type[FakeSession]) -> None:
    fake.keys = CredentialRetrievalError(provider="sso", error_msg="the login has expired")
    with pytest.raises(ProviderError, match="could not be had: Error when retrieving credentials from sso") as raised:
        await account({}).identity()
    assert (raised.value.kind, raised.value.is_lasting) == ("failed", False)
    fake.keys = Credentials("AKIALATER", "later")
    assert (await account({}).identity()).keys.access_key == "AKIALATER"


@pytest.mark.parametrize(
    ("expiry", "words"), [("2020-01-01T00:00:00Z", "still expired"), ("soon", "could not be had: Unknown string")]
)
async def test_keys_that_have_expired_are_none(expiry: str, words: str) -> None:
    with pytest.raises(ProviderError, match=words) as raised:
        await account(OWN | {"AWS_CREDENTIAL_EXPIRATION": expiry}).identity()
    assert raised.value.kind == "failed"


async def test_kept_keys_that_are_refused_are_looked_for_anew(fake: type[FakeSession]) -> None:
    one = account({})
    await one.identity()
    error = one.refused("UnrecognizedClientException", "no such key, but found-secret")
    assert (error.kind, str(error)) == ("key", "Amazon Polly refused the keys: no such key, but …")
    assert error.hint == "check AWS_ACCESS_KEY_ID or the profile where the voice server runs"
    assert fake.made == 1
    await one.identity()
    assert fake.made == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ThrottlingException", "rate_limit"), ("LimitExceededException", "rate_limit"),
     ("ServiceFailureException", "unavailable"), ("ServiceUnavailableException", "unavailable"),
     ("AccessDeniedException", "key"), ("ExpiredTokenException", "key"), ("InvalidSignatureException", "key"),
     ("ValidationException", "request"), ("TextLengthExceededException", "request")],
)  # fmt: skip
def test_errors_have_their_kinds(name: str, kind: str) -> None:
    assert account({}).refused(name, "because").kind == kind


def test_an_address_is_the_regions_or_the_environments() -> None:
    assert account({}).address("https://polly.{}", "eu-west-1") == "https://polly.eu-west-1.amazonaws.com"
    assert account({}).address("https://polly.{}", "cn-north-1") == "https://polly.cn-north-1.amazonaws.com.cn"
    own = account({"AWS_ENDPOINT_URL_POLLY": "http://127.0.0.1:9/"})
    assert own.address("https://polly.{}", "eu-west-1") == "http://127.0.0.1:9"


@pytest.mark.parametrize("endpoint", ["polly", "http:/", "nonsense://x", "https://a b", "https://key:secret@host"])
def test_an_address_that_is_none_is_told(endpoint: str) -> None:
    with pytest.raises(ProviderError) as raised:
        account({"AWS_ENDPOINT_URL_POLLY": endpoint}).address("https://polly.{}", "eu-west-1")
    assert str(raised.value) == "Amazon Polly cannot be reached: AWS_ENDPOINT_URL_POLLY is no address"
    assert raised.value.kind == "request"
