"""What the operating system gives: whole files, signals, processes, ports, progress, and how a
command ends.

``files.replacing``, ``files.sha256``, ``progress.working``, ``progress.say``, ``command.run``.
"""
