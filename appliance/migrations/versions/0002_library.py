"""The local library of cases with confirmed labels."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "library",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("study", sa.String, nullable=False),
        sa.Column("series", sa.String, nullable=False),
        sa.Column("slice", sa.Integer, nullable=False),
        sa.Column("label", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False, index=True),
        sa.Column("embedder", sa.String, nullable=False, index=True),
        sa.Column("embedding", sa.LargeBinary, nullable=False),
        sa.ForeignKeyConstraint(
            ["study", "series"], ["series.study", "series.series"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("study", "series", "slice"),
    )


def downgrade() -> None:
    """Drop the table; the records under ``library/`` stay."""
    op.drop_table("library")
