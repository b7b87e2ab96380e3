"""Records decisions in children that are killed: ``killed_writer.py ADDRESS STATE ROUNDS``.

Each child records from four threads and writes the seal of every answered decision to a pipe, which
outlives it. After a few milliseconds it gets SIGKILL. All that was answered is printed, a line each.
It is forked from a process that has imported everything, so that a round takes milliseconds.
"""

import gc
import os
import signal
import sys
import threading
import time
from pathlib import Path

import alembic.command  # noqa: F401  (before the forks)
from sqlalchemy.dialects import postgresql, sqlite  # noqa: F401

from project_tools.serving.decisions.record import NewDecision
from project_tools.serving.decisions.store import open_store


def record(address: str | None, state: Path, answers: int, number: int) -> None:
    store = open_store(address, state)

    def work(client: int) -> None:
        for i in range(1_000_000):
            row = f"{number} {client} {i}".encode() * 100
            new = NewDecision(client, "ab" * 32, "m", "1", 0.2, row, 0.1, -1.0, "no_risk", False)
            (decision,) = store.record([new])
            os.write(answers, f"{decision.id} {decision.seal}\n".encode())

    for client in range(4):
        threading.Thread(target=work, args=(client,)).start()
    threading.Event().wait()


def main(address: str | None, state: Path, rounds: int) -> None:
    gc.collect()
    gc.freeze()
    for number in range(rounds):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            record(address, state, write, number)
        os.close(write)
        answered = os.read(read, 4096)  # the first answers: it writes
        time.sleep(0.02 * (number * 0.618034 % 1))  # spread evenly over the range
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while part := os.read(read, 65536):
            answered += part
        os.close(read)
        sys.stdout.write(answered.decode())
        if not answered:
            raise SystemExit("the child ended before its first answer")


if __name__ == "__main__":
    main(sys.argv[1] or None, Path(sys.argv[2]), int(sys.argv[3]))
