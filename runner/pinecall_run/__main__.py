"""``python -m pinecall_run``."""

from pinecall_run.cli.main import main

main()
