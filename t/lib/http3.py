"""An HTTP/3 client for the suite, which sends exactly the header fields that it is given.

http3.py certificate CERT KEY
    makes a certificate of localhost
http3.py ask PORT
    asks 127.0.0.1:PORT; the requests come as JSON on standard input, [[[name, value], ...], ...],
    the responses go as JSON to standard output,
    [{"status": 200, "headers": [[name, value], ...], "body": ""}, ...]

All requests of one run share a connection, one after another. A stream that the server resets has
the status 0. Bytes are latin-1.
"""

import asyncio
import datetime
import json
import os
import ssl
import sys
from collections import deque
from pathlib import Path
from typing import Any

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, QuicEvent, StreamReset

PATIENCE = float(os.environ.get("TEST_NGINX_PATIENCE", "10"))  # seconds

Fields = list[tuple[bytes, bytes]]


class Client(QuicConnectionProtocol):
    """One connection, on which one request is under way at a time."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.events: deque[H3Event | StreamReset] = deque()
        self.arrived = asyncio.Event()
        self.gone = False

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ConnectionTerminated):
            self.gone = True
        elif isinstance(event, StreamReset):
            self.events.append(event)
        self.events.extend(self.http.handle_event(event))
        self.arrived.set()

    async def ask(self, fields: Fields) -> dict[str, Any]:
        """Sends a request without a body and waits for the whole of its response."""
        stream = self._quic.get_next_available_stream_id()
        self.http.send_headers(stream, fields, end_stream=True)
        self.transmit()
        response: dict[str, Any] = {"status": 0, "headers": [], "body": ""}
        while True:
            while not self.events:
                if self.gone:
                    return response
                self.arrived.clear()
                await asyncio.wait_for(self.arrived.wait(), PATIENCE)
            event = self.events.popleft()
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, StreamReset):
                return response
            if isinstance(event, HeadersReceived):
                headers = [
                    [name.decode("latin-1"), value.decode("latin-1")]
                    for name, value in event.headers
                ]
                response["status"] = int(dict(headers)[":status"])
                response["headers"] = headers
            elif isinstance(event, DataReceived):
                response["body"] += event.data.decode("latin-1")
            if getattr(event, "stream_ended", False):
                return response


async def ask(port: int, requests: list[Fields]) -> None:
    """Writes the responses of 127.0.0.1:port to the requests, and ends the process."""
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, server_name="localhost"
    )
    configuration.verify_mode = ssl.CERT_NONE
    async with connect(
        "127.0.0.1", port, configuration=configuration, create_protocol=Client
    ) as client:
        assert isinstance(client, Client)
        json.dump([await client.ask(fields) for fields in requests], sys.stdout)
        sys.stdout.flush()
        client.close()
        # A closed connection has to linger for seconds (RFC 9000, section 10.2); there is
        # nothing more to come for it.
        os._exit(0)


def certificate(certificate_file: Path, key_file: Path) -> None:
    """Writes a self-signed certificate of localhost and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    builder = x509.CertificateBuilder(
        issuer_name=name, subject_name=name, public_key=key.public_key()
    )
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=1))
    pem = serialization.Encoding.PEM
    certificate_file.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(pem))
    form = serialization.PrivateFormat.PKCS8
    key_file.write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))


def main() -> None:
    match sys.argv[1:]:
        case ["certificate", certificate_file, key_file]:
            certificate(Path(certificate_file), Path(key_file))
        case ["ask", port]:
            given = json.load(sys.stdin)
            requests = [
                [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields]
                for fields in given
            ]
            asyncio.run(ask(int(port), requests))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
