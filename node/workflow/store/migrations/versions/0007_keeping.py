"""Fetching what is missing, and what was removed after its time."""

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Nothing yet."""
