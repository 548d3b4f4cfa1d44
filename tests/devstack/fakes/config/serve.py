"""Stands for the web server: tells at /readyz whether all is well, and at /environment what it was given."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from part import stay


class Handler(BaseHTTPRequestHandler):
    """Answers any request."""

    def do_GET(self) -> None:
        """Complain about the part that FAKE_NOT_READY names."""
        missing = os.environ.get("FAKE_NOT_READY")
        self.send_response(503 if missing and self.path == "/readyz" else 200)
        self.end_headers()
        told = (
            dict(os.environ) if self.path == "/environment" else {"not_ready": {missing: "is away"} if missing else {}}
        )
        self.wfile.write(json.dumps(told).encode())

    def log_message(self, *_: object) -> None:
        """Stay silent."""


if __name__ == "__main__":
    server = ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    stay("web")
