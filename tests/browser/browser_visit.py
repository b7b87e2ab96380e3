"""One browser window on the dashboard, and what it asked for."""

from dataclasses import dataclass, field

from playwright.sync_api import Page

#: Milliseconds for what a page shows at last.
SHOWN_TIMEOUT = 30_000


@dataclass
class Visit:
    """A page of the dashboard, and everything that its browser asked for."""

    page: Page
    dashboard: str
    asked: list[str] = field(default_factory=list)

    def open(self, link: str = "/") -> None:
        self.page.goto(self.dashboard + link)
        self.settled()

    def settled(self) -> None:
        """Waits until the script has run to its end, and charts have had a moment to be drawn."""
        self.page.wait_for_selector(
            "[data-testid=stApp][data-test-script-state=notRunning]", timeout=SHOWN_TIMEOUT
        )
        self.page.wait_for_timeout(500)

    def foreign(self) -> list[str]:
        """What was asked of another host than the dashboard's."""
        own = self.dashboard.removeprefix("http://")
        allowed = ("data:", "blob:", f"http://{own}/", f"ws://{own}/")
        return [url for url in self.asked if not url.startswith(allowed)]
