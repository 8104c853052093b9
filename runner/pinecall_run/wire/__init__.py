"""Frames of the client protocol: commands (runner to server), events (server to runner), and their codec."""
