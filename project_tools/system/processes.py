"""The identity of a process, whether it still runs, and the memory that it keeps.

The tracking store uses the identity to close the runs of a process that has died, and temporary
files carry a short form of it, so that those of a process that was killed can be deleted.
"""

import ctypes
import hashlib
import os
import re
import socket
import subprocess
from pathlib import Path

#: Parameter of glibc's ``mallopt``: the size, in bytes, from which freed blocks go back at once.
_MMAP_THRESHOLD, _LARGE = -3, 1 << 20
_STATE, _START = 0, 19  # fields of /proc/PID/stat after the name: state, start in ticks since boot


def identity() -> str:
    """A name of this process that no other process ever gets: host, process id and start.

    The process id alone is not enough, because the system reuses it.
    """
    return f"{socket.gethostname()}/{os.getpid()}/{_start(os.getpid())}"


def is_dead(identity: str) -> bool:
    """Whether the process of this identity has certainly ended; false for one on another host.

    >>> is_dead(identity())
    False
    >>> is_dead("another host/1/1")
    False
    """
    host, _, process_and_start = identity.partition("/")
    process, _, start = process_and_start.partition("/")
    if host != socket.gethostname() or not process.isdecimal():
        return False
    return _start(int(process)) != start


def mark() -> str:
    """A short form of this process's identity for the name of a file: machine, process, start.

    >>> mark_is_dead(mark())
    False
    """
    return f"{_machine()}-{os.getpid()}-{_short(_start(os.getpid()))}"


def mark_is_dead(mark: str) -> bool:
    """Whether the process of this mark ran on this machine and has certainly ended.

    >>> mark_is_dead("00000000-1-00000000")  # another machine's
    False
    """
    parts = re.fullmatch(r"([0-9a-f]{8})-(\d+)-([0-9a-f]{8})", mark)
    if parts is None or parts[1] != _machine():
        return False
    return _short(_start(int(parts[2]))) != parts[3]


def _machine() -> str:
    """A name of the machine and its table of processes: two containers may bear one host name."""
    machine, table = Path("/etc/machine-id"), Path("/proc/self/ns/pid")
    number = machine.read_text().strip() if machine.is_file() else ""
    processes = str(table.readlink()) if table.is_symlink() else ""
    return _short(f"{socket.gethostname()}/{number}/{processes}")


def _short(text: str | None) -> str:
    return hashlib.sha256(str(text).encode()).hexdigest()[:8]


def _start(process: int) -> str | None:
    """When a process started, in a format of the operating system; ``None`` if it does not run."""
    if not Path("/proc/self/stat").exists():  # not Linux
        command = ["ps", "-o", "lstart=", "-p", str(process)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (fixed words)
        return done.stdout.strip().replace("/", "-") or None
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    # A zombie has ended: it waits until its parent reads its exit status.
    return None if fields[_STATE] == "Z" else f"{boot}.{fields[_START]}"


def give_memory_back() -> None:
    """Return freed memory to the operating system, now and from now on (glibc only).

    By default glibc keeps more and more of the large blocks that are freed, because it expects
    to need them again. A threshold that is set once is not raised any more.
    """
    libc = ctypes.CDLL(None)
    for name, arguments in (("mallopt", (_MMAP_THRESHOLD, _LARGE)), ("malloc_trim", (0,))):
        if function := getattr(libc, name, None):
            function(*arguments)
