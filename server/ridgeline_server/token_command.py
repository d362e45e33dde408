"""`ridgeline-server token`: makes, lists and revokes the credentials of callers."""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ridgeline_server.access.entries import Entry, TokensError
from ridgeline_server.access.roles import Role
from ridgeline_server.access.tokens import token_digest, token_text
from ridgeline_server.token_file import only_writer, read_entries, write_entries

_EPILOG = "Exit codes: 0 done, 1 the file cannot be written, 2 wrong input, or FILE is no file of tokens."


def add_parser(commands: Any) -> None:
    """Offer the command; `commands` is what `add_subparsers` returns."""
    token = commands.add_parser("token", help="make, list and revoke tokens of callers", epilog=_EPILOG)
    actions = token.add_subparsers(dest="action", required=True, metavar="{create,list,revoke}")
    create = actions.add_parser("create", help="enter a caller; prints its token, this once", epilog=_EPILOG)
    create.add_argument("name", help="the caller's name: letters, digits, . _ -")
    create.add_argument(
        "--role",
        dest="roles",
        action="append",
        choices=[role.value for role in Role],
        help="what it may do; may be repeated. A caller that is there already keeps its own",
    )
    create.add_argument("--rows-per-second", type=int, metavar="ROWS", help="rows it may have priced")
    create.add_argument("--expires", type=_moment, metavar="DATE", help="2027-01-31, or with a time and zone")
    create.add_argument("--subject", help="common name of its client certificate, in place of a token")
    show = actions.add_parser("list", help="list the credentials, without secrets", epilog=_EPILOG)
    revoke = actions.add_parser("revoke", help="take credentials away", epilog=_EPILOG)
    revoke.add_argument("which", nargs="+", metavar="NAME|ID", help="a caller with all it has, or one entry")
    for action in (create, show, revoke):
        action.add_argument("--tokens", type=Path, required=True, metavar="FILE", help="the file of tokens")
        action.add_argument("--json", action="store_true", help="print JSON")


def run(flags: dict[str, Any]) -> int:
    """Run the command; returns the exit code."""
    actions = {"create": _create, "list": _list, "revoke": _revoke}
    path: Path = flags["tokens"]
    try:
        actions[flags.pop("action")](path, flags)
    except TokensError as error:
        print("\n  - ".join([f"ridgeline-server token: {path}", *error.problems]), file=sys.stderr)
        return 2
    except OSError as error:
        print(f"ridgeline-server token: {path} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _create(path: Path, flags: dict[str, Any]) -> None:
    with only_writer(path):
        entries = read_entries(path) if path.exists() else ()
        entry, token = _new_entry(flags, entries)
        write_entries(path, [*entries, entry])
    if flags["json"]:
        print(json.dumps(_facts(entry) | ({"token": token} if token else {}), indent=2))
        return
    rate = "" if entry.rows_per_second is None else f", {entry.rows_per_second} rows per second"
    print(f"entered {entry.name} ({_roles(entry)}{rate}), id {entry.id}", file=sys.stderr)
    if token:
        print("its token, which is not kept anywhere and cannot be shown again:", file=sys.stderr)
        print(token)


def _new_entry(flags: dict[str, Any], entries: Sequence[Entry]) -> tuple[Entry, str]:
    """A new entry and its token, "" for a subject."""
    same = next((entry for entry in entries if entry.name == flags["name"]), None)
    if not flags["roles"] and same is None:
        raise TokensError([f"{flags['name']} is new: give it a --role, one of {', '.join(Role)}"])
    new_id, rate = secrets.token_hex(6), flags["rows_per_second"]
    token = "" if flags["subject"] else token_text(new_id, secrets.token_urlsafe(32))
    try:
        entry = Entry(
            id=new_id,
            name=flags["name"],
            roles=frozenset(map(Role, flags["roles"])) if flags["roles"] or not same else same.roles,
            sha256=token_digest(token) if token else None,
            subject=flags["subject"],
            rows_per_second=same.rows_per_second if rate is None and same else rate,
            created=datetime.now(UTC).replace(microsecond=0),
            expires=flags["expires"],
        )
    except ValidationError as error:
        told = [f"{e['loc'][0]}: {e['msg']}" for e in error.errors(include_input=False)]
        raise TokensError(told) from None
    return entry, token


def _list(path: Path, flags: dict[str, Any]) -> None:
    entries = read_entries(path)
    if flags["json"]:
        print(json.dumps([_facts(entry) for entry in entries], indent=2))
        return
    head = ("ID", "NAME", "ROLES", "ROWS/S", "CREDENTIAL", "EXPIRES")
    rows = [head, *map(_row, entries)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _row(entry: Entry) -> tuple[str, ...]:
    rate = "any" if entry.rows_per_second is None else str(entry.rows_per_second)
    credential = "token" if entry.subject is None else f"subject {entry.subject}"
    expires = "never" if entry.expires is None else f"{entry.expires:%Y-%m-%d %H:%M %Z}"
    return (entry.id, entry.name, _roles(entry), rate, credential, expires + (" (over)" * _is_over(entry)))


def _is_over(entry: Entry) -> bool:
    return entry.expires is not None and entry.expires <= datetime.now(UTC)


def _revoke(path: Path, flags: dict[str, Any]) -> None:
    which = set(flags["which"])
    with only_writer(path):
        entries = read_entries(path)
        gone = [entry for entry in entries if which & {entry.id, entry.name}]
        unknown = which - {name for entry in gone for name in (entry.id, entry.name)}
        if unknown:
            raise TokensError([f"has no caller or id {name}: see `token list`" for name in sorted(unknown)])
        write_entries(path, [entry for entry in entries if entry not in gone])
    if flags["json"]:
        print(json.dumps([_facts(entry) for entry in gone], indent=2))
        return
    for entry in gone:
        print(f"revoked {entry.id} of {entry.name}", file=sys.stderr)


def _facts(entry: Entry) -> dict[str, Any]:
    facts = entry.model_dump(mode="json", exclude={"sha256"})
    return facts | {"roles": sorted(facts["roles"]), "expired": _is_over(entry)}


def _roles(entry: Entry) -> str:
    return ", ".join(sorted(entry.roles))


def _moment(text: str) -> datetime:
    """A moment; a date alone is its beginning in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        told = f"{text!r} is no date: expected such as 2027-01-31 or 2027-01-31T18:00+00:00"
        raise argparse.ArgumentTypeError(told) from None
    if moment.tzinfo is None and moment.time() == time():
        return moment.replace(tzinfo=UTC)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no zone: add one, such as +00:00")
    return moment
