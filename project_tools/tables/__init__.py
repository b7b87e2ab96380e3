"""The eight raw tables: their schema, how they are read, and what is wrong with them.

``declared.TABLES``, ``files.open_tables``, ``loaded.LoadedTables``, ``check.check``.
"""
