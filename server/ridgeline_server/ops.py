"""The operator's HTTP port: /livez (calls are answered), /readyz (it is SERVING) and /metrics."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client.exposition import CONTENT_TYPE_LATEST

Readiness = tuple[bool, str]
"""Whether calls should come here, and the state in a word or two."""


class OpsServer:
    """Answers on `address` until stopped. Raises OSError when the address cannot be bound."""

    def __init__(
        self,
        address: str,
        readiness: Callable[[], Readiness],
        liveness: Callable[[], str],
        scrape: Callable[[], bytes] | None = None,
    ) -> None:
        """`liveness` says why the process should be replaced, "" when it should not; `scrape` makes the
        content of /metrics; without it there is no such page."""
        host, _, port = address.rpartition(":")
        try:
            self._server = _HttpServer((host.strip("[]"), int(port)), readiness, liveness, scrape)
        except OSError as error:
            where = f"cannot serve /livez, /readyz and /metrics on {address}"
            raise OSError(f"{where}: {error.strerror}, choose another --ops-address") from error
        self.address = f"{host}:{self._server.server_address[1]}"
        self._started = False

    def start(self) -> None:
        """Answer requests on a thread of its own."""
        self._started = True
        threading.Thread(target=self._server.serve_forever, name="ops", daemon=True).start()

    def stop(self) -> None:
        """Close the port."""
        if self._started:
            self._server.shutdown()  # it would wait for ever for a loop that never ran
        self._server.server_close()


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(
        self,
        address: tuple[str, int],
        readiness: Callable[[], Readiness],
        liveness: Callable[[], str],
        scrape: Callable[[], bytes] | None,
    ) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)
        self.readiness = readiness
        self.liveness = liveness
        self.scrape = scrape


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    timeout = 5

    def do_GET(self) -> None:
        if self.path == "/livez":
            fault = self.server.liveness()
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE if fault else HTTPStatus.OK, fault or "live")
        elif self.path == "/readyz":
            ready, state = self.server.readiness()
            self._answer(HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE, state)
        elif self.path == "/metrics" and self.server.scrape is not None:
            self._send(HTTPStatus.OK, CONTENT_TYPE_LATEST, self.server.scrape())
        else:
            self._answer(HTTPStatus.NOT_FOUND, "expected /livez, /readyz or, unless switched off, /metrics")

    def _answer(self, status: HTTPStatus, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", f"{text}\n".encode())

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Probes are not worth a line."""
