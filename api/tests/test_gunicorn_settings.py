"""Each setting of gunicorn that the service depends on, with what would happen without it."""

import importlib.util
import os
import subprocess
import sys
import unittest
from pathlib import Path
from types import ModuleType
from unittest import mock

from gunicorn.config import Config
from gunicorn.util import load_class

import api

CONFIGURATION = Path(api.__file__).with_name("gunicorn.conf.py")
#: name, value, what would happen otherwise
SETTINGS = (
    ("preload_app", False, "LightGBM hangs in a child whose parent has predicted"),
    ("accesslog", None, "gunicorn's lines hold the path, and so the client's id"),
    ("errorlog", "-", "errors would go to a file that nobody reads"),
    ("raw_env", ["OMP_NUM_THREADS=1"], "each request would take all processors"),
    ("worker_class", "api.web.worker.Worker", "slow clients would take all threads"),
    ("worker_connections", 256, "unfinished requests would take the memory"),
    ("workers", 2, "one worker that ends would stop the service"),
    ("threads", 4, "a picture would stop a worker"),
    ("timeout", 60, "a worker that hangs would never be replaced"),
    ("graceful_timeout", 30, "answers would be cut when the service stops"),
    ("keepalive", 5, "idle connections would stay open"),
    ("http_parser", "python", "an untested parser would read what clients send"),
    ("forwarder_headers", "", "a client's SCRIPT_NAME would be a 500"),
    ("forwarded_allow_ips", "", "a client could claim any address and scheme"),
    ("control_socket_disable", True, "a socket would be made in a home folder"),
)
#: Each is tried by a server that runs.
HOOKS = {"on_starting", "when_ready", "child_exit", "on_exit"}


def configuration(**environ: str) -> ModuleType:
    """The file as gunicorn runs it."""
    spec = importlib.util.spec_from_file_location("gunicorn_conf", CONFIGURATION)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CREDIT_")}
    with mock.patch.dict(os.environ, {**kept, **environ}, clear=True):
        spec.loader.exec_module(module)
    return module


class Settings(unittest.TestCase):
    def test_each_has_its_value_and_gunicorn_takes_it(self) -> None:
        module, config = configuration(), Config()
        for name, value, otherwise in SETTINGS:
            with self.subTest(name):
                self.assertEqual(getattr(module, name), value, f"otherwise {otherwise}")
                config.set(name, value)
        self.assertEqual(config.env, {"OMP_NUM_THREADS": "1"})
        self.assertEqual((config.forwarder_headers, config.forwarded_allow_ips), ([], []))

    def test_none_is_left_out_of_the_table(self) -> None:
        known = Config().settings.keys()
        of_file = {name for name in vars(configuration()) if name in known}
        self.assertEqual(
            of_file,
            {name for name, *_ in SETTINGS} | {"bind", "chdir", "logconfig_dict"} | HOOKS,
        )

    def test_the_address_is_that_of_our_settings(self) -> None:
        self.assertEqual(configuration().bind, "127.0.0.1:8000")
        there = {"CREDIT_API_HOST": "::1", "CREDIT_API_PORT": "9000"}
        self.assertEqual(configuration(**there).bind, "[::1]:9000")

    def test_neither_the_launcher_nor_the_master_imports_a_library_of_the_application(self) -> None:
        code = (
            "import sys, api.__main__, api.web.worker; "
            "print(*sorted({'flask', 'lightgbm', 'pandas', 'numpy', 'pyarrow'} & {*sys.modules}))"
        )
        done = subprocess.run(  # noqa: S603  (our own code)
            [sys.executable, "-c", code],
            cwd=CONFIGURATION.parents[1],
            capture_output=True,
            text=True,
            check=True,
        )
        self.assertEqual(done.stdout.strip(), "")
        self.assertEqual(load_class("api.web.worker.Worker").__name__, "Worker")


if __name__ == "__main__":
    unittest.main()
