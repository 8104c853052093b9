"""Jinja in a sandbox that bounds what a template reaches, does and makes."""
