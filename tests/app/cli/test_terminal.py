"""What the command calls itself is what the user can type."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli.terminal import command_name


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A command ``gammahub`` in an environment that is not on the path, and the folder above it."""
    path = tmp_path / ".venv" / "bin" / "gammahub"
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    return path


def test_a_command_that_is_not_on_the_path_is_told_with_its_folder(command, monkeypatch):
    for called in (command, Path(".venv/bin/gammahub")):
        monkeypatch.setattr(sys, "argv", [str(called), "serve"])
        assert command_name() == ".venv/bin/gammahub"


def test_from_elsewhere_it_is_told_with_its_whole_path(command, monkeypatch, tmp_path):
    monkeypatch.chdir(command.parent)
    monkeypatch.setattr(sys, "argv", [str(command), "serve"])
    monkeypatch.chdir("/")
    assert command_name() == str(command).lstrip("/")
    monkeypatch.chdir(command.parent)
    assert command_name() == "./gammahub"
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "other" / "gammahub")])
    assert command_name() == str(tmp_path / "other" / "gammahub")


def test_a_command_on_the_path_is_told_by_its_name(command, monkeypatch):
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}/usr/bin")
    monkeypatch.setattr(sys, "argv", [str(command), "serve"])
    assert command_name() == "gammahub"


def test_another_command_of_that_name_on_the_path_is_not_meant(command, monkeypatch, tmp_path):
    other = tmp_path / "other" / "gammahub"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", str(other.parent))
    monkeypatch.setattr(sys, "argv", [str(command), "serve"])
    assert command_name() == ".venv/bin/gammahub"


def test_as_a_module_it_is_told_as_one():
    code = "import app.cli.terminal as t; print(t.command_name())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == f"{sys.executable} -m app.cli"
