"""The drawing process as gunicorn's master sees it: started, started anew when it ends, killed when it hangs."""

import logging
import os
import subprocess
import sys
import time
from pathlib import Path

from api.pictures.messages import PULSE, SOCKET
from project_tools.settings import ROOT

#: Seconds without a sign of life after which the process counts as hung. A picture takes 0.3 s of
#: processor time; on a machine without an idle core that may be 20 s, at the lowest priority.
HUNG_S = 60.0
#: It imports matplotlib first, and looks for fonts at the first start on a host.
START_S = 120.0
#: One that ends at once is started anew after so many seconds.
PAUSE_S = 5.0


class PictureProcess:
    """One process that draws; ``check`` is called each second and never waits."""

    def __init__(self, folder: Path, logger: logging.Logger, cache: Path | None = None) -> None:
        self._folder, self._logger, self._cache = folder, logger, cache
        self.process: subprocess.Popen[bytes] | None = None
        self._started = 0.0

    def check(self) -> None:
        """Start the process unless it lives; kill it if it gives no sign of life."""
        process, now = self.process, time.monotonic()
        if process is not None and process.poll() is None:
            patience = HUNG_S if (self._folder / SOCKET).exists() else START_S
            if now - self._seen() > patience:
                process.kill()
                self._logger.error("picture process killed", extra={"reason": "it hung"})
        elif process is None or now - self._started >= PAUSE_S:
            if process is not None:
                self._logger.error("picture process died")
            self._start(now)

    def stop(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def _start(self, now: float) -> None:
        self._started = now
        for name in (PULSE, SOCKET):
            (self._folder / name).unlink(missing_ok=True)
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        if self._cache is not None:
            # matplotlib keeps its list of fonts there; a service may have no home folder.
            environment.setdefault("MPLCONFIGDIR", str(self._cache))
        command = [sys.executable, "-m", "api.pictures.server", str(self._folder)]
        self.process = subprocess.Popen(  # noqa: S603  (our own module)
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        self._logger.info("picture process started", extra={"pid": self.process.pid})

    def _seen(self) -> float:
        try:
            return max((self._folder / PULSE).stat().st_mtime, self._started)
        except OSError:
            return self._started
