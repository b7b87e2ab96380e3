"""Ports to listen on, tried before anything is started."""

import socket

from project_tools.errors import SettingError


def refuse_busy(host: str, port: int, settings: str) -> None:
    """``SettingError`` unless this process may listen there; ``settings`` names what to change."""
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, proto) as attempt:
            # As a server does, so that a port whose last connections linger counts as free.
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            attempt.bind(address)
            attempt.listen(1)
    except OSError as why:
        raise SettingError(
            f"cannot listen on {host} port {port} ({why.strerror}); end what uses it, "
            f"or set {settings}"
        ) from why
