from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.config import Config


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GAMMAHUB_HOME", "GAMMAHUB_HOST", "GAMMAHUB_PORT", "GAMMAHUB_DL3", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)


def test_environment_sets_a_field(monkeypatch):
    monkeypatch.setenv("GAMMAHUB_PORT", "9001")
    monkeypatch.setenv("GAMMAHUB_MEMORY_LIMIT", "3GiB")
    config = Config()
    assert config.port == 9001
    assert config.memory_limit == 3 * 2**30


def test_empty_variable_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("GAMMAHUB_DL3", "")
    assert Config().dl3 is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("PORT", "http"),
        ("DEFAULT_MAXREC", "0"),
        ("SYNC_TIMEOUT", "-1"),
        ("MEMORY_LIMIT", "lots"),
        ("MEMORY_LIMIT", "1kB"),
        ("BASE_URL", "gamma.example.org"),
        ("LOG_LEVEL", "chatty"),
        ("LIGHT_SLOTS", "0"),
        ("FORWARDED_ALLOW_IPS", "127.0.0.1, proxy"),
        ("UPLOAD_NETWORKS", "10.0.0.0/33"),
    ],
)
def test_wrong_value_is_refused(monkeypatch, name, value):
    monkeypatch.setenv(f"GAMMAHUB_{name}", value)
    with pytest.raises(ValidationError, match=name.lower()):
        Config()


def test_home_is_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert Config().home == tmp_path / "gammahub"
    assert Config().lake == tmp_path / "gammahub" / "lake"


def test_relative_data_folder_is_ignored(monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", "somewhere")
    monkeypatch.setattr("sys.platform", "linux")
    assert Config().home == Path.home() / ".local" / "share" / "gammahub"


def test_tilde_and_relative_paths_become_absolute(monkeypatch):
    monkeypatch.setenv("GAMMAHUB_HOME", "~/here")
    monkeypatch.setenv("GAMMAHUB_DL3", "data")
    assert Config().home == Path.home() / "here"
    assert Config().dl3 == Path.cwd() / "data"


def test_slash_at_the_end_of_the_base_url_goes():
    assert Config(base_url="https://gamma.example.org/hub/").base_url == "https://gamma.example.org/hub"


def test_every_field_is_described():
    for name, field in Config.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_every_field_is_in_the_operators_guide():
    guide = Path(__file__).parents[2] / "deploy" / "README.md"
    text = guide.read_text("utf-8")
    missing = [name for name in Config.model_fields if f"GAMMAHUB_{name.upper()}" not in text]
    assert not missing
