"""Where a request ends in the bytes that have arrived: by Content-Length, or by its last chunk.

Only the end is looked for here. gunicorn's parser reads the request afterwards and refuses what is
malformed; a request of doubtful form therefore counts as complete at the end of its header.
"""

import re
from http import HTTPStatus

from api.web.protection import BODY_LIMIT, body_limit

#: Bytes of request line and header together.
HEADER_LIMIT = 32 * 1024
#: Times its limit that a chunked body may take with its chunk sizes and trailers.
_CHUNKED = 2

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*(?=\r\n|$)", re.IGNORECASE)
_IS_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_EXPECTS = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*(?=\r\n|$)", re.IGNORECASE)
_SIZE = re.compile(rb"([0-9a-f]{1,8})[ \t]*(;[^\r\n]*)?", re.IGNORECASE)


class TooLargeError(Exception):
    """The header or body is larger than its limit; ``status`` is 431 or 413."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


class Framing:
    r"""The end of one request; ``end`` looks only at bytes that it has not seen.

    >>> Framing().end(bytearray(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}GET"))
    41
    """

    def __init__(self) -> None:
        #: The client waits for ``100 Continue`` before it sends the body.
        self.expects_continue = False
        #: Where a body of a given length begins; None while it is not known, and for chunks.
        self.body: int | None = None
        self._seen = 0
        self._body: int | None = None
        self._end: int | None = None
        self._chunk = 0
        self._decoded = 0
        self._limit = BODY_LIMIT

    def end(self, received: bytearray) -> int | None:
        """The length of the request, or None if bytes are missing.

        Raises ``TooLargeError`` as soon as a limit is passed or a longer body is announced.
        """
        if self._body is None and not self._read_header(received):
            return None
        if self._end is None:
            self._read_chunks(received)
        return self._end if self._end is not None and self._end <= len(received) else None

    def _read_header(self, received: bytearray) -> bool:
        at = received.find(_END, max(self._seen - len(_END) + 1, 0), HEADER_LIMIT)
        if at < 0:
            if len(received) >= HEADER_LIMIT:
                raise TooLargeError(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            self._seen = len(received)
            return False
        header = bytes(received[:at])
        self._body = self._chunk = at + len(_END)
        if _IS_CHUNKED.search(header) is None:
            # Chunks stay few: gunicorn's parser copies what remains for each of them.
            target = header.split(b" ", 2)[1:2] or [b""]
            self._limit = body_limit(target[0].partition(b"?")[0].decode("latin-1"))
            lengths = _LENGTH.findall(header)
            length = int(lengths[0]) if len(lengths) == 1 else 0
            if length > self._limit:
                raise TooLargeError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self.body, self._end = self._body, self._body + length
        self.expects_continue = _EXPECTS.search(header) is not None
        return True

    def _read_chunks(self, received: bytearray) -> None:
        assert self._body is not None  # noqa: S101  (the caller has read the header)
        while self._end is None and (line := received.find(b"\r\n", self._chunk)) >= 0:
            size = _SIZE.fullmatch(received[self._chunk : line])
            length = int(size[1], 16) if size else 0
            if size is None:
                self._end = line + 2  # the parser refuses it
            elif length:
                self._decoded += length
                self._chunk = line + 2 + length + 2
            elif (last := received.find(_END, line)) >= 0:
                self._end = last + len(_END)
            else:
                break
            if self._decoded > self._limit:
                raise TooLargeError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if len(received) - self._body > _CHUNKED * self._limit:
            raise TooLargeError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
