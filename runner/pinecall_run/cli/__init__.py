"""The command line: one file for each verb, and the only place that prints."""
