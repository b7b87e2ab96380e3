"""The command line: one module for each command.

Each module has ``HELP`` (one line), ``words`` (adds the command's arguments to a parser) and
``run`` (does what the parsed arguments ask for). ``EPILOG``, where a module has one, ends the
command's help. A command imports what it needs when it runs, so that ``--help`` and refusals come
at once.
"""

#: The commands in the order of ``--help``; the module of ``demo-data`` is ``demo_data``.
COMMANDS = (
    "demo-data", "check", "features", "score", "export", "inspect", "drift", "compare", "promote", "reproduce",
    "decisions",
)  # fmt: skip
