"""An HTTP/2 client for the suite that takes nothing which RFC 9113 forbids in a response.

http2.py PORT   asks 127.0.0.1:PORT without TLS for the targets that come as JSON on standard input,
                ["/a", ...], all over one connection, and writes the responses as JSON to standard
                output, [{"status": 200, "headers": [[name, value], ...]}]. A response that is not
                well-formed ends it with h2's own error.

Bytes are latin-1.
"""

import json
import os
import socket
import sys
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset

PATIENCE = float(os.environ.get("TEST_NGINX_PATIENCE", "10"))  # seconds


def ask(port: int, targets: list[str]) -> list[dict[str, Any]]:
    """The responses, in the order of the targets."""
    peer = socket.create_connection(("127.0.0.1", port), PATIENCE)
    connection = H2Connection(H2Configuration(client_side=True, header_encoding="latin-1"))
    connection.initiate_connection()
    responses = []
    for target in targets:
        stream = connection.get_next_available_stream_id()
        fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", target),
            (":authority", "localhost"),
        ]
        connection.send_headers(stream, fields, end_stream=True)
        response: dict[str, Any] = {"status": 0, "headers": []}
        ended = False
        while not ended:
            peer.sendall(connection.data_to_send())
            received = peer.recv(65536)
            if not received:
                sys.exit(f"{target}: the connection was closed")
            for event in connection.receive_data(received):
                if isinstance(event, ResponseReceived):
                    response["headers"] = event.headers
                    response["status"] = int(dict(event.headers)[":status"])
                elif isinstance(event, DataReceived):
                    connection.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                elif isinstance(event, StreamEnded | StreamReset):
                    ended = True
        responses.append(response)
    return responses


if __name__ == "__main__":
    json.dump(ask(int(sys.argv[1]), json.load(sys.stdin)), sys.stdout)
