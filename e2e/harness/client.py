"""A plain HTTP/1.1 client that sends a target byte for byte and keeps fields as they came."""

import http.client
import socket
import ssl
from dataclasses import dataclass

HOST = "example.com"
TIMEOUT = 30  # seconds


@dataclass
class Answer:
    status: int
    reason: str
    headers: list
    body: bytes

    def get(self, name, default=""):
        """All values of a field, as one."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else default

    @property
    def cache(self):
        """What nginx says that the module has decided: "HIT", or "MISS absent"."""
        return f"{self.get('X-Cache')} {self.get('X-Cache-Reason')}".strip()


def request(port, target, method="GET", headers=(), body=b"", host=HOST, tls=False):
    """`target` and header values are latin-1: one character is one byte."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    with connect(port, tls) as connection:
        connection.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        with http.client.HTTPResponse(connection, method=method) as response:
            response.begin()
            content = response.read()
            return Answer(response.status, response.reason, response.getheaders(), content)


def connect(port, tls):
    connection = socket.create_connection(("127.0.0.1", port), TIMEOUT)
    if not tls:
        return connection
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # made for this run, and signed by nobody
    return context.wrap_socket(connection)
