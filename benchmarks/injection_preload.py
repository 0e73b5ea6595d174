"""Loaded once by the server from which the node's processes are forked, so that a thousand starts cost little."""

import alembic.command  # noqa: F401
import dbos  # noqa: F401
import pynetdicom  # noqa: F401
import sqlalchemy  # noqa: F401

import node.app
import node.deliver
import node.receive
import node.workflow.engine
import node.workflow.steps.sending
import node.workflow.store.database  # noqa: F401
