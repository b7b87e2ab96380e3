"""``python -m project_tools COMMAND``, the same as ``credit COMMAND``."""

import sys

from project_tools.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
