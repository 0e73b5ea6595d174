"""Alembic's environment: always the connection that `Store.migrate` hands over."""

from alembic import context

from node.workflow.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False)
context.run_migrations()
