"""The first page: one client."""

from tabs.client import show_client

show_client()
