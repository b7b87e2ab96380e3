"""The page that opens first: one client."""

from tabs.client import show_client

show_client()
