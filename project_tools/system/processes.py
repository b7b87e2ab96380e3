"""Which process wrote a run, and whether it still lives: what closing a dead one's runs rests on;
and what this one holds.
"""

import ctypes
import os
import socket
import subprocess
from pathlib import Path

#: glibc's name for the size from which a block is given back when it is freed, and that size, bytes.
_MMAP_THRESHOLD, _LARGE = -3, 1 << 20
_STATE, _START = 0, 19  # fields of /proc/PID/stat after the name: state, start in ticks since boot


def identity() -> str:
    """Name this process so that no other is ever taken for it: host, process id, start.

    A process id alone is given to another process before long.
    """
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}"


def is_dead(identity: str) -> bool:
    """Whether the process of that identity certainly lives no longer.

    Of a process on another host nothing is known, so it is not called dead.

    >>> is_dead(identity())
    False
    >>> is_dead("another host/1/1")
    False
    """
    host, _, process_and_start = identity.partition("/")
    process, _, start = process_and_start.partition("/")
    if host != socket.gethostname() or not process.isdecimal():
        return False
    return _started(int(process)) != start


def _started(process: int) -> str | None:
    """When a process was started, in its system's own terms; none where there is no such process."""
    if Path("/proc/self/stat").exists():
        return _started_on_linux(process)
    words = ["ps", "-o", "lstart=", "-p", str(process)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  (fixed words)
    return done.stdout.strip().replace("/", "-") or None


def _started_on_linux(process: int) -> str | None:
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    # A zombie is dead: it waits for its parent to ask how it ended.
    return None if fields[_STATE] == "Z" else f"{boot}.{fields[_START]}"


def give_memory_back() -> None:
    """Return to the system what was freed, now and later; glibc's allocator keeps it otherwise.

    When a large block is freed, glibc takes it that such blocks come again, and serves the next
    ones from what it keeps; a threshold that is set stays as it is.
    """
    libc = ctypes.CDLL(None)
    for name, given in (("mallopt", (_MMAP_THRESHOLD, _LARGE)), ("malloc_trim", (0,))):
        if function := getattr(libc, name, None):
            function(*given)
