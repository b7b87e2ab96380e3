"""What takes a while to make is made once, ahead or at its first use."""

import threading
import unittest
from unittest import mock

from api import prepared
from api.prepared import Prepared


class Made(unittest.TestCase):
    def test_nothing_is_made_before_it_is_asked_for_or_started(self) -> None:
        made: list[int] = []
        value = Prepared(lambda: made.append(1) or 7, "seven")  # type: ignore[func-returns-value]
        self.assertEqual(made, [])
        self.assertEqual(value.get(), 7)
        value.start()
        self.assertEqual((value.get(), made), (7, [1]))

    def test_it_is_ready_before_the_first_use_where_it_was_started(self) -> None:
        begun = threading.Event()
        value = Prepared(lambda: begun.set() or 7, "seven")  # type: ignore[func-returns-value]
        value.start()
        self.assertTrue(begun.wait(10))
        self.assertEqual(value.get(), 7)

    def test_who_asks_gets_the_error_of_the_making(self) -> None:
        def fails() -> int:
            raise ValueError("no state")

        value = Prepared(fails, "none")
        for _ in range(2):
            with self.assertRaisesRegex(ValueError, "no state"):
                value.get()

    def test_who_asks_waits_no_longer_than_that(self) -> None:
        end = threading.Event()
        value = Prepared(end.wait, "slow")
        with mock.patch.object(prepared, "PATIENCE_S", 0.01), self.assertRaises(TimeoutError):
            value.get()
        end.set()
        self.assertTrue(value.get())


if __name__ == "__main__":
    unittest.main()
