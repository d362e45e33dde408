"""`ridgeline-server token`: what it writes, what it prints, and what it never prints again."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from ridgeline_server.access.register import Register
from ridgeline_server.access.roles import Role
from ridgeline_server.command import main
from ridgeline_server.token_file import read_entries
from support.commands import Capture, told

Run = Any


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


@pytest.fixture
def run(file: Path, capsys: Capture) -> Run:
    def running(action: str, *arguments: str) -> tuple[int, str]:
        return told(capsys, main, "token", action, "--tokens", str(file), *arguments)

    return running


def created(run: Run, *arguments: str) -> dict[str, Any]:
    code, printed = run("create", *arguments, "--json")
    assert code == 0, printed
    facts: dict[str, Any] = json.loads(printed)
    return facts


def test_a_token_is_printed_alone_and_once(file: Path, capsys: Capture) -> None:
    assert main(["token", "create", "shop", "--role", "predict", "--tokens", str(file)]) == 0
    printed = capsys.readouterr()
    token = printed.out.strip()
    assert printed.out.count("\n") == 1
    assert token not in printed.err
    assert Register(read_entries(file)).by_token(token, 0.0).name == "shop"
    assert token.rpartition("_")[2] not in file.read_text()


def test_a_list_has_everything_but_secrets(run: Run, file: Path) -> None:
    shop = created(run, "shop", "--role", "predict", "--role", "report", "--rows-per-second", "500")
    old = created(run, "old", "--role", "audit", "--expires", "2020-02-01")
    edge = created(run, "edge", "--role", "operate", "--subject", "edge.example")
    code, table = run("list")
    rows = [line.split() for line in table.splitlines()]
    assert code == 0
    assert rows[1] == [shop["id"], "shop", "predict,", "report", "500", "token", "never"]
    assert rows[2] == [old["id"], "old", "audit", "any", "token", "2020-02-01", "00:00", "UTC", "(over)"]
    assert rows[3] == [edge["id"], "edge", "operate", "any", "subject", "edge.example", "never"]
    facts = json.loads(run("list", "--json")[1])
    assert [(f["name"], f["expired"]) for f in facts] == [("shop", False), ("old", True), ("edge", False)]
    assert "token" not in edge
    listed = run("list", "--json")[1] + table
    for secret in (shop["token"], *(entry.sha256 for entry in read_entries(file) if entry.sha256)):
        assert secret not in listed


def test_a_caller_gets_a_second_token_with_its_roles_and_loses_the_first(run: Run, file: Path) -> None:
    first = created(run, "shop", "--role", "predict", "--rows-per-second", "500")
    second = created(run, "shop")
    assert (second["roles"], second["rows_per_second"]) == (["predict"], 500)
    assert run("revoke", first["id"])[0] == 0
    register = Register(read_entries(file))
    assert register.by_token(second["token"], 0.0).roles == {Role.PREDICT}
    assert [entry.id for entry in read_entries(file)] == [second["id"]]


def test_a_name_is_revoked_with_all_it_has(run: Run, file: Path) -> None:
    created(run, "shop", "--role", "predict")
    created(run, "shop")
    kept = created(run, "pages", "--role", "audit")
    code, printed = run("revoke", "shop")
    assert (code, printed.count("revoked ")) == (0, 2)
    assert [entry.id for entry in read_entries(file)] == [kept["id"]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["create", "shop"], "shop is new: give it a --role, one of predict, report"),
        (["create", "a b", "--role", "predict"], "name: String should match"),
        (["create", "shop", "--role", "predict", "--rows-per-second", "0"], "rows_per_second: "),
        (["create", "here", "--role", "audit"], "of here differ in roles or rows_per_second"),
        (["revoke", "nobody"], "has no caller or id nobody: see `token list`"),
        (["revoke", "here", "nobody"], "has no caller or id nobody"),
    ],
)
def test_what_cannot_be_done_changes_nothing(run: Run, file: Path, arguments: list[str], said: str) -> None:
    created(run, "here", "--role", "predict")
    before = file.read_bytes()
    code, printed = run(*arguments)
    assert code == 2
    assert said in printed
    assert file.read_bytes() == before


@pytest.mark.parametrize("text", ["tomorrow", "2027-01-31T18:00"])
def test_a_moment_without_a_zone_is_refused(run: Run, text: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as caught:
        run("create", "shop", "--role", "predict", "--expires", text)
    assert caught.value.code == 2
    assert repr(text) in capsys.readouterr().err


def test_the_file_is_for_its_owner_alone(run: Run, file: Path) -> None:
    before = os.umask(0)
    try:
        created(run, "shop", "--role", "predict")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        file.chmod(0o644)
        created(run, "shop")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_write_that_fails_leaves_the_file_and_nothing_else(
    run: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(run, "shop", "--role", "predict")
    before = file.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    code, printed = run("create", "shop")
    assert code == 1
    assert "cannot be written: No space left on device" in printed
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_a_broken_file_is_not_overwritten(run: Run, file: Path) -> None:
    file.write_text("mine")
    for action in (["create", "shop", "--role", "predict"], ["list"], ["revoke", "shop"]):
        code, printed = run(*action)
        assert (code, str(file) in printed) == (2, True)
    assert file.read_text() == "mine"


def test_a_directory_that_is_not_there_is_said(capsys: Capture, tmp_path: Path) -> None:
    there = str(tmp_path / "none" / "tokens.json")
    code, printed = told(capsys, main, "token", "create", "shop", "--role", "predict", "--tokens", there)
    assert (code, there in printed) == (1, True)
