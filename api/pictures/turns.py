"""A limit on how many may do something at a time; who comes later is refused at once."""

import threading


class Turns:
    """``limit`` turns.

    >>> turns = Turns(1)
    >>> turns.take(), turns.take(), turns.taken
    (True, False, 1)
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self.taken = 0

    def take(self) -> bool:
        """Take a turn; False if there is none left."""
        with self._lock:
            if self.taken >= self._limit:
                return False
            self.taken += 1
            return True

    def give_back(self) -> None:
        """End a turn."""
        with self._lock:
            self.taken -= 1
