"""What a worker and the drawing process say to each other over a Unix socket.

A question is a key, and then the chart if the picture is not there yet; an answer is one byte and a
content. Both have their length before them. Who may connect is a matter of the socket's permissions.
"""

import socket
import struct

#: A picture follows; "send the chart"; "too many wait"; "it could not be drawn".
PICTURE, CHART, BUSY, FAILED = b"P", b"C", b"B", b"F"
#: The variable that names the folder of the socket.
FOLDER = "API_RUN_FOLDER"
SOCKET = "pictures.sock"
#: A file there, whose time says when the drawing process was last seen alive.
PULSE = "pulse"
#: The largest chart is the beeswarm: 60 kB at 300 background clients.
LIMIT = 8 << 20
_LENGTH = struct.Struct(">I")


class GoneError(OSError):
    """The other side closed the connection, or sent what is no message."""


def send(connection: socket.socket, content: bytes) -> None:
    """Send a message. ``OSError`` if the other side is gone or too slow."""
    connection.sendall(_LENGTH.pack(len(content)) + content)


def receive(connection: socket.socket) -> bytes:
    """The next message; ``OSError`` if there is none in time."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > LIMIT:
        raise GoneError("the message is too long")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        part = connection.recv(min(size - len(received), 1 << 16))
        if not part:
            raise GoneError("the connection was closed")
        received += part
    return bytes(received)
