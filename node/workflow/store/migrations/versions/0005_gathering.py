"""Gathering an exam: evidence of what is to come, and what people assigned."""

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Nothing yet."""
