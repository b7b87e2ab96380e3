"""The page that opens first: one client."""

from client_tabs import show_client

show_client()
