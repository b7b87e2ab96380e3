"""Log lines: JSON with a fixed list of fields, and nothing of what was sent."""

import io
import json
import logging
import logging.config
import threading
import unittest
from contextlib import redirect_stderr
from typing import Any
from unittest import mock

from api.logs import FIELDS, JSONLines, configuration, log_threads
from api.tests.running import application, logged, served
from api.tests.running_server import running

SECRET = "SECRET-16180"  # noqa: S105  (stands for an applicant's data)


class Lines(unittest.TestCase):
    def line(self, name: str, event: str, *args: Any, **extra: Any) -> dict[str, Any]:
        """The line that a logger of that name writes, by a formatter of another process's master."""
        record = logging.getLogger(name).makeRecord(
            name, logging.INFO, "file.py", 1, event, args, extra.pop("exc_info", None), extra=extra
        )
        text = JSONLines(master=-1).format(record)
        self.assertNotIn("\n", text)
        made: dict[str, Any] = json.loads(text)
        return made

    def test_what_is_not_on_the_list_is_not_written(self) -> None:
        fields = {"status": 200, "seconds": 0.25, "route": "/prediction/<client>"}
        line = self.line("api", "answer", **fields, client=SECRET, path=SECRET, body=SECRET)
        self.assertEqual(line.keys(), {"time", "level", "event", "pid", *fields})
        self.assertEqual({name: line[name] for name in fields}, fields)
        self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")

    def test_arguments_of_an_event_are_left_out(self) -> None:
        self.assertEqual(self.line("api", "answer %s", SECRET)["event"], "answer %s")

    def test_a_librarys_message_is_left_out(self) -> None:
        for name in ("werkzeug", "py.warnings", "apiflask", "gunicorn.error", "gunicorn.access"):
            line = self.line(name, f"Invalid request {SECRET}")
            self.assertEqual(line["logger"], name)
            self.assertNotIn(SECRET, str(line))
        self.assertIn(
            "pid: 7", self.line("gunicorn.error", "Booting worker with pid: %s", 7)["event"]
        )

    def test_an_exception_is_its_kind_and_place(self) -> None:
        try:
            raise ValueError(SECRET)
        except ValueError as why:
            line = self.line("api", "failed", exc_info=(type(why), why, why.__traceback__))
        self.assertRegex(line["where"], r"^ValueError at .*test_logs\.py:\d+$")
        self.assertNotIn(SECRET, str(line))

    def test_no_field_can_hold_a_request(self) -> None:
        self.assertFalse({"path", "query", "body", "client", "url", "message", "args"} & {*FIELDS})

    def test_every_logger_of_the_process_is_configured(self) -> None:
        made = configuration()
        self.assertEqual({h["formatter"] for h in made["handlers"].values()}, {"json"})
        self.assertEqual({*made["loggers"]}, {"api", "gunicorn.error"})
        self.assertEqual(made["root"]["handlers"], ["json"])

    def test_a_thread_that_ends_by_an_error_gives_its_place_alone(self) -> None:
        def fail() -> None:
            raise ValueError(SECRET)

        with mock.patch.object(threading, "excepthook"), logged(application()) as log:
            log_threads()
            with redirect_stderr(io.StringIO()) as errors:
                thread = threading.Thread(target=fail)
                thread.start()
                thread.join()
        self.assertIn("ValueError at", log.getvalue())
        self.assertNotIn(SECRET, log.getvalue() + errors.getvalue())


class Answers(unittest.TestCase):
    def test_an_answer_has_one_line_with_its_request_id_and_model(self) -> None:
        client = application().test_client()
        with logged(application()) as log:
            response = client.get(f"/prediction/{served().ids()[0]}")
        line = json.loads(log.getvalue())
        self.assertEqual(line["request_id"], response.headers["X-Request-ID"])
        self.assertEqual(line["model"], (response.json or {})["model"]["digest"])
        self.assertTrue(0 < line["seconds"] < 10)

    def test_a_method_that_is_made_up_is_not_written(self) -> None:
        with logged(application()) as log:
            response = application().test_client().open("/", method=SECRET)
        self.assertEqual(response.status_code, 405)
        self.assertEqual(json.loads(log.getvalue())["method"], "other")

    def test_a_running_server_writes_json_alone(self) -> None:
        server = running()
        server.get(f"/prediction/{served().ids()[0]}")
        server.ask(b"GET /" + SECRET.encode() + b" x HTTP/1.1\r\n\r\n")
        text = server.log.read_text()
        self.assertNotIn(SECRET, text)
        lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        before = [line for line in text.splitlines() if not line.startswith("{")]
        # The start itself speaks to a person: the model's check, and that the service is open.
        self.assertLess(len(before), 10)
        self.assertEqual(
            text.splitlines()[-len(lines) :], [json.dumps(x, ensure_ascii=False) for x in lines]
        )
        refused = [line["reason"] for line in lines if line["event"] == "refused"]
        self.assertIn("InvalidHTTPVersion", refused)  # the kind of fault
        levels = {line["event"]: line["level"] for line in lines}
        for event, level in (
            ("start", "warning"),  # without keys
            ("ready", "info"),
            ("picture process started", "info"),
            ("answer", "info"),
            ("refused", "warning"),
        ):
            self.assertEqual(levels.get(event), level, event)


if __name__ == "__main__":
    unittest.main()
