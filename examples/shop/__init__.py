"""The shop of the example project: functions over a SQLite database."""
