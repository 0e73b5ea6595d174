"""What remembers: the states of an exam, the pure `decide`, the steps, the durable engine and the store.

*State* is what an exam is, a participle of the verb that was done last (`states`). *Facts* are what is known of it now; `decide`
turns facts into the next action and the reason as a sentence, without clock or I/O. The *sweep* gathers facts and acts on what
`decide` says; the *engine* runs the steps so that they survive a crash; the *store* holds our own rows, which are the truth, while
the engine's queue is a hint: a sweep enqueues again whatever has no live work.

Decisions
---------
Artefacts of a step are plain JSON beside a NumPy archive (`artefacts`), because a result must be readable in ten years and a file
that someone swapped must not run code; instead of pickles.

The engine is DBOS on the node's own SQLite file, behind `engine` alone, because it resumed every workflow in kill tests and needs no
broker; instead of a queue of our own.
"""
