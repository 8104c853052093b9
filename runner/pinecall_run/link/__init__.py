"""The one socket to the voice server."""
