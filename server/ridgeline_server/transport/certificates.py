"""The files of a server's identity, and the proof that it can serve with them.

The proof is a handshake with itself in memory: what OpenSSL refuses there, callers would refuse, too.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ridgeline import pem
from ridgeline.pem import PemError

_MOST_FLIGHTS = 8  # TLS 1.3 takes three

# How a certificate's DER says of which kind its key is: RSA; ECDSA on P-256; on P-384. OpenSSL knows more;
# the BoringSSL in gRPC's clients and servers offers no other.
_EC = "06072a8648ce3d0201"
_KEYS_OF_GRPC = tuple(
    map(bytes.fromhex, ("06092a864886f70d010101", f"{_EC}06082a8648ce3d030107", f"{_EC}06052b81040022"))
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What the files of a `CertificateFiles` hold."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where a server's identity is: PEM files. `client_ca` is None when callers need not show theirs."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def read(self) -> Contents:
        """Return what is in the files now. Raises PemError when one cannot be read."""
        authorities = None if self.client_ca is None else pem.read(self.client_ca)
        return Contents(pem.read(self.certificate), pem.read(self.key), authorities)

    def prove(self) -> tuple[Contents, float]:
        """Prove that a server can serve with what is in the files.

        Returns:
            It, and the moment until which the certificate is valid, in seconds since 1970.

        Raises:
            PemError: a file is not what it should be, see `ridgeline.pem`; or the certificate is expired, not
                yet valid, not for servers or of no use to gRPC; or somebody is writing the files.
        """
        contents = self.read()
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        pem.load_pair(server, self.certificate, self.key)
        if self.client_ca is not None:
            pem.load_authorities(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.client_ca)
        client = trusting(contents.certificate)
        try:
            facts, der = _shaken(client, server)
        except ssl.SSLCertVerificationError as error:
            raise PemError(f"{self._unfit}: {error.verify_message}; give one that is valid now") from error
        except ssl.SSLError as error:
            raise PemError(f"{self._unfit}: {pem.reason(error)}") from error
        if not any(kind in der for kind in _KEYS_OF_GRPC):
            raise PemError(
                f"{self._unfit}: gRPC cannot use its kind of key; give RSA, or ECDSA on P-256 or P-384"
            )
        if self.read() != contents:  # OpenSSL reads files itself
            raise PemError(f"{self.certificate}, {self.key} are being written")
        return contents, float(ssl.cert_time_to_seconds(facts["notAfter"]))

    @property
    def _unfit(self) -> str:
        return f"{self.certificate} is not fit to serve with"


def trusting(certificate: bytes) -> ssl.SSLContext:
    """A caller that trusts the certificate itself, so that nothing else is judged."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=certificate.decode("ascii", errors="ignore"))
    return context


def _shaken(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[dict[str, Any], bytes]:
    """What the client knows of the server's certificate after their handshake, and its DER. Raises
    ssl.SSLError."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server)
    sides = [caller, server.wrap_bio(to_server, to_client, server_side=True)]
    for _ in range(_MOST_FLIGHTS):
        if _all_done(sides):
            return dict(caller.getpeercert() or {}), caller.getpeercert(binary_form=True) or b""
    raise ssl.SSLError("the handshake does not end")


def _all_done(sides: Sequence[ssl.SSLObject]) -> bool:
    waiting = 0
    for side in sides:
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting += 1
    return not waiting
