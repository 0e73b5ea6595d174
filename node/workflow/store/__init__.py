"""The store: our own rows, which are the truth. SQL lives here and nowhere else.

`Store` opens the database and hands out what the rooms ask for: `register` for the receiver, `exams` and `deliveries` for the workflow.
Every method is one transaction and durable when it returns. Times are stored as UTC text, ISO 8601.

We write SQLite in WAL mode with full synchronisation, since a receiver and a worker write side by side and an answered image must
survive the power cut; write transactions begin IMMEDIATE, so that two writers wait for each other instead of failing half-way.
"""

from node.workflow.store.database import Store

__all__ = ["Store"]
