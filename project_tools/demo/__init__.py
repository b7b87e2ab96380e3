"""Demonstration tables: invented clients, drawn from published figures of the real tables.

The modules in the order in which a chunk of clients passes through them: ``people`` (latent
characters, labels, defaults by quota), ``application`` and its ``oddities``, ``bureau``,
``previous``, ``repayments``, ``cards``. ``generator`` runs them and ``files`` writes the tables.
``figures`` holds the calibration as plain data; ``realism`` measures how far the tables are from it.
"""

from project_tools.demo.generator import generate

__all__ = ["generate"]
