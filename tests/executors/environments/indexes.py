"""A package index on this machine that asks for a password."""

from __future__ import annotations

import base64
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, links: Path, credentials: str, *arguments: object) -> None:
        self._links = links
        self._expected = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        super().__init__(*arguments)  # type: ignore[arg-type]  # what the server hands over

    def do_GET(self) -> None:
        if self.headers["Authorization"] != self._expected:
            self._answer(401, b"")
        elif self.path.startswith("/simple/"):
            name = self.path.split("/")[2]
            wheels = [path for path in self._links.iterdir() if path.name.startswith(f"{name}-")]
            lines = [f'<a href="/files/{path.name}#sha256={_digest(path)}">{path.name}</a>' for path in wheels]
            self._answer(200 if wheels else 404, "\n".join(lines).encode())
        else:
            self._answer(200, (self._links / self.path.rpartition("/")[2]).read_bytes())

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Basic")
        self.send_header("Content-Type", "text/html" if self.path.startswith("/simple/") else "application/zip")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815 (what the server calls)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def index(links: Path, credentials: str) -> Iterator[str]:
    """Serve the wheels of a directory; the host and port, without credentials."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, links, credentials))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
