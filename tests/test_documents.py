"""The documents tell what the program does: no setting, command or pin is missing or made up."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import typer.main
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.cli.main import APP
from app.config import Config

REPOSITORY = Path(__file__).resolve().parent.parent
README = (REPOSITORY / "README.md").read_text()
OPERATION = (REPOSITORY / "deploy" / "README.md").read_text()
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
COMMANDS = sorted(typer.main.get_command(APP).commands)


def pins(name: str) -> dict[str, Requirement]:
    """The pinned packages of a lock file, by name."""
    lines = (REPOSITORY / "deploy" / name).read_text().splitlines()
    return {canonicalize_name(pin.name): pin for pin in map(Requirement, lines)}


@pytest.mark.parametrize(("field", "facts"), Config.model_fields.items(), ids=Config.model_fields)
def test_every_setting_is_described_as_in_the_code(field, facts):
    [row] = [line for line in OPERATION.splitlines() if line.startswith(f"| `GAMMAHUB_{field.upper()}` |")]
    assert row.endswith(f"| {facts.description} |")


def test_no_setting_is_made_up():
    told = set(re.findall(r"GAMMAHUB_([A-Z0-9_]+)", OPERATION + README))
    assert told <= {field.upper() for field in Config.model_fields}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_told(command):
    assert f"| `gammahub {command}" in OPERATION


def test_no_command_is_made_up():
    told = set(re.findall(r"gammahub ([a-z]+)", OPERATION + README))
    assert told <= set(COMMANDS)


def test_the_targets_of_make_are_there():
    makefile = (REPOSITORY / "Makefile").read_text()
    for target in re.findall(r"make ([a-z]+)", README + OPERATION):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-test.txt"])
def test_a_lock_file_holds_exact_versions_and_no_address(name):
    for pin in pins(name).values():
        assert pin.url is None
        [specifier] = pin.specifier
        assert specifier.operator == "=="


def test_the_locks_fit_what_the_project_asks_for():
    extras = PROJECT["optional-dependencies"]
    wanted = {
        "requirements.txt": PROJECT["dependencies"],
        "requirements-test.txt": [*PROJECT["dependencies"], *extras["test"], *extras["spark"]],
    }
    for name, requirements in wanted.items():
        locked = pins(name)
        for requirement in map(Requirement, requirements):
            [specifier] = locked[canonicalize_name(requirement.name)].specifier
            assert requirement.specifier.contains(specifier.version), requirement


def test_the_tests_run_on_the_versions_that_are_served():
    tested = pins("requirements-test.txt")
    for name, pin in pins("requirements.txt").items():
        assert str(tested[name]) == str(pin)


def test_spark_and_the_tools_of_the_tests_are_not_served():
    assert not {"pyspark", "pytest", "ruff", "mypy"} & set(pins("requirements.txt"))


@pytest.mark.parametrize("name", ["compose.yaml", "kubernetes.yaml", "Dockerfile"])
def test_what_is_deployed_sets_nothing_but_settings(name):
    text = (REPOSITORY / "deploy" / name).read_text()
    if name.endswith(".yaml"):
        assert all(isinstance(part, dict) for part in yaml.safe_load_all(text))
    assert set(re.findall(r"GAMMAHUB_([A-Z_]+)", text)) <= {field.upper() for field in Config.model_fields}


def test_the_image_has_all_our_packages_and_runs_as_nobody_special():
    text = (REPOSITORY / "deploy" / "Dockerfile").read_text()
    for package in ("adql", "vosi", "datalink", "app"):
        assert f"COPY {package} {package}\n" in text
    assert re.search(r"^USER [1-9]\d*$", text, re.MULTILINE)
    assert "HEALTHCHECK" in text
