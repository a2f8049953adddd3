"""The URL of an engine: its parts, what is refused, and that no secret is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.config import Config
from app.engines.hiveserver2 import Address, AddressError
from app.errors import EngineUnavailable
from app.factory import engine_address, make_engine


def test_the_parts_of_a_url() -> None:
    address = Address.from_url("hive://anna%40x@hive.example.org:10001/Gamma?http_path=cliservice&tls=true")
    assert (address.user, address.host, address.port) == ("anna@x", "hive.example.org", 10001)
    assert (address.database, address.http_path, address.tls, address.verify) == (
        "gamma", "cliservice", True, True,
    )  # fmt: skip
    assert address.auth == "NONE"


def test_what_is_not_said_has_a_default() -> None:
    address = Address.from_url("spark+hive://[::1]")
    assert (address.host, address.port, address.database, address.user) == (
        "::1", 10000, "gammahub", "gammahub",
    )  # fmt: skip
    assert address.spoken == "[::1]:10000"


def test_an_option_with_a_dot_is_a_setting_of_the_session() -> None:
    address = Address.from_url("hive://h/d?mapreduce.job.queuename=vo&auth=nosasl")
    assert address.settings == {"mapreduce.job.queuename": "vo"}
    assert address.auth == "NOSASL"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("hive:///db", "has no host"),
        ("hive://h:port/db", "is none"),
        ("hive://h/a-b", '"a-b"'),
        ("hive://h/d`; DROP DATABASE x", "no name"),
        ("hive://h/d?auth=magic", '"magic"'),
        ("hive://h/d?tls=perhaps", '"perhaps"'),
        ("hive://h/d?colour=red", '"colour"'),
        ("hive://h/d?auth=LDAP", "GAMMAHUB_ENGINE_PASSWORD"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_be_right(url: str, words: str) -> None:
    with pytest.raises(AddressError, match=words):
        Address.from_url(url)


def test_a_password_in_the_url_is_refused_and_not_told() -> None:
    with pytest.raises(AddressError, match="GAMMAHUB_ENGINE_PASSWORD_FILE") as caught:
        Address.from_url("hive://anna:s3cret@h/d")
    assert "s3cret" not in str(caught.value)


def test_a_password_is_in_no_text_of_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret \n")
    for given in ({"engine_password": "s3cret "}, {"engine_password_file": file}):
        config = Config(home=tmp_path, engine_url="hive://anna@h/d", **given)
        address = engine_address(config)
        assert (address.auth, address.password) == ("LDAP", "s3cret ")
        assert "s3cret" not in f"{config!r} {config} {address!r} {address}"


def test_a_password_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    config = Config(home=tmp_path, engine_url="hive://h/d", engine_password_file=tmp_path / "none")
    with pytest.raises(EngineUnavailable, match="none"):
        engine_address(config)


def test_an_engine_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match='"mysql:"'):
        make_engine(Config(home=tmp_path, engine_url="mysql://root:s3cret@h/d"))
