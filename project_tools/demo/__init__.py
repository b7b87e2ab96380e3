"""Demonstration tables: invented clients with the published tables' shapes."""

from project_tools.demo.generating import generate

__all__ = ["generate"]
