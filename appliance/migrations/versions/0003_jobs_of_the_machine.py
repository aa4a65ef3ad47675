"""Jobs that belong to no study: measurements of this machine."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Let a job be without a study."""
    with op.batch_alter_table("jobs") as table:
        table.alter_column("study", existing_type=sa.String, nullable=True)


def downgrade() -> None:
    """Drop such jobs; the others need their study again."""
    op.execute("DELETE FROM jobs WHERE study IS NULL")
    with op.batch_alter_table("jobs") as table:
        table.alter_column("study", existing_type=sa.String, nullable=False)
