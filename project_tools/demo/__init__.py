"""Demonstration tables: invented clients, drawn from published figures of the real tables.

The rooms, in the order in which a chunk of clients passes them: ``people`` (latent characters,
labels, default by quota), ``application`` and its ``oddities``, ``bureau``, ``previous``,
``repayments``, ``cards``; ``generating`` and ``writing`` bring them to files. ``figures`` holds the
calibration as plain data, ``measuring`` says how far the tables are from it.
"""

from project_tools.demo.generator import generate

__all__ = ["generate"]
