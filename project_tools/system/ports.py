"""Check of a port before a server is started on it."""

import socket

from project_tools.errors import SettingError


def refuse_busy(host: str, port: int, settings: str) -> None:
    """Raise ``SettingError`` unless this process can listen there; ``settings`` names what to set."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as attempt:
            # Servers do this too: a port counts as free although its last connections are closing.
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(address)
            attempt.listen(1)
    except OSError as why:
        raise SettingError(
            f"cannot listen on {host} port {port} ({why.strerror}); stop the process that uses it, "
            f"or set {settings}"
        ) from why
