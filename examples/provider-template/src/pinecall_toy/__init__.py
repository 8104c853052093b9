"""Providers of pinecall-run that need no vendor."""
