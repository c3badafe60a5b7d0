"""A client that keeps its connections, and sends what it is told to, byte for byte."""

import http.client
import socket
from types import TracebackType

from harness.client import TIMEOUT, Answer

from .talk import Request


class Client:
    """One for each thread."""

    def __init__(self) -> None:
        self.connections: dict[tuple[int, int], socket.socket] = {}

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        for connection in self.connections.values():
            connection.close()
        self.connections.clear()

    def ask(self, port: int, request: Request, path: str) -> Answer:
        place = (port, request.source)
        connection = self.connections.get(place)
        if not connection:
            connection = socket.create_connection(
                ("127.0.0.1", port), TIMEOUT, source_address=(f"127.0.0.{request.source}", 0)
            )
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[place] = connection
        connection.sendall(request.wire(path))
        with http.client.HTTPResponse(connection, method=request.method) as response:
            response.begin()
            body = response.read()
            answer = Answer(response.status, response.reason, response.getheaders(), body)
            if response.will_close:
                connection.close()
                del self.connections[place]
        return answer
