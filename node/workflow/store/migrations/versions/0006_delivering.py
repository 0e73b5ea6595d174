"""Delivering: what was proven, and what archives were asked to commit to."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing yet."""
