"""``python -m api.upgrade`` makes the record of decisions, or upgrades its schema, before the workers start.

It is a process of its own: who starts the server need not import a database's library, and the model is
checked meanwhile. A record that does not answer now is no reason not to start: the workers try again.
"""

import sys

from project_tools.errors import CreditError
from project_tools.serving.decisions.errors import RecordUnavailableError, StoreVersionError
from project_tools.serving.decisions.store import open_store
from project_tools.settings import Settings


def main() -> int:
    """Exit status 1, with one line on standard error, where the record can never be used."""
    try:
        settings = Settings.load()
        with open_store(settings.decisions, settings.state, settings.trace) as store:
            store.head()
    except StoreVersionError as why:
        sys.stderr.write(f"{why}\n")
        return 1
    except RecordUnavailableError as why:
        sys.stderr.write(f"{why}\n")
    except CreditError as why:
        sys.stderr.write(f"{why}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
