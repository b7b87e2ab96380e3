"""What the operating system gives: files, signals, processes, ports, progress, commands.

``files.replacing``, ``files.sha256``, ``progress.working``, ``progress.say``, ``command.run``.
"""
