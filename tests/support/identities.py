"""Certificates made for one test run, and what people do to their files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ridgeline_client import Tls
from ridgeline_server.certs.authority import Authority, Pair, Validity
from ridgeline_server.certs.dev import LOOPBACK

DAY = timedelta(days=1)


def days(begin: int, end: int) -> Validity:
    """Valid from `begin` days from now until `end` days from now."""
    now = datetime.now(UTC)
    return Validity(now + begin * DAY, now + end * DAY)


@dataclass(frozen=True)
class Identities:
    """Files of a server, in `folder`, and of an authority that issues more."""

    folder: Path
    authority: Authority

    @classmethod
    def of(cls, folder: Path) -> Identities:
        """Make an authority, a server's certificate and a caller's."""
        made = cls(folder, Authority("tests", days(-1, 30)))
        made.authority_file("ca")
        made.write("server", made.server())
        made.write("client", made.authority.issue("shop"))
        return made

    def server(self, validity: Validity | None = None) -> Pair:
        """Another certificate for the server."""
        return self.authority.issue("server", LOOPBACK, validity)

    def authority_file(self, name: str, authority: Authority | None = None) -> Path:
        """Write the certificate of an authority."""
        path = self.folder / f"{name}.pem"
        path.write_bytes((authority or self.authority).certificate)
        return path

    def write(self, name: str, pair: Pair) -> tuple[Path, Path]:
        """Write a certificate and its key; returns where."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}-key.pem"
        certificate.write_bytes(pair.certificate)
        key.write_bytes(pair.key)
        return certificate, key

    def settings(self, *, mutual: bool = False) -> dict[str, str]:
        """The settings of a server."""
        told = {"tls_certificate": "server.pem", "tls_key": "server-key.pem"}
        if mutual:
            told["tls_client_ca"] = "ca.pem"
        return {name: str(self.folder / file) for name, file in told.items()}

    def flags(self, *, mutual: bool = False) -> list[str]:
        """The settings as flags."""
        return [f"--{k.replace('_', '-')}={v}" for k, v in self.settings(mutual=mutual).items()]

    def tls(self, client: str = "", ca: str = "ca") -> Tls:
        """What a caller needs; `client` names its certificate."""
        own = (self.folder / f"{client}.pem", self.folder / f"{client}-key.pem") if client else (None, None)
        return Tls(self.folder / f"{ca}.pem", *own)
