"""Jinja prompts: compiled, checked and rendered in a sandbox, with errors on the template's own lines."""
