"""The running project: loaded, connected, reloaded; the only reader of project files and environment."""
