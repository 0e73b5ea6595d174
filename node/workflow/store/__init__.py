"""The store: our own rows, which are the truth. SQL lives here and nowhere else.

`database.Store` opens the database and hands out what the rooms ask for: `register` for the receiver, `exams`, `corrections`,
`verdicts`, `answers` and `deliveries` for the workflow. Every method is one transaction and durable when it returns. `snapshot` reads for
the command line; `rows` is what both give. `retrievals` holds what peers were asked for and have sent, `keeping` what was removed.
Times are stored as UTC text, ISO 8601.

We write SQLite in WAL mode with full synchronisation, since a receiver and a worker write side by side and an answered image must
survive the power cut; write transactions begin IMMEDIATE, so that two writers wait for each other instead of failing half-way.
"""
