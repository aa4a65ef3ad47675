"""Results of tasks on two series."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "pairs",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False, index=True),
        sa.Column("verdict", sa.String),
        sa.Column("fixed_study", sa.String, nullable=False),
        sa.Column("fixed_series", sa.String, nullable=False),
        sa.Column("moving_study", sa.String, nullable=False, index=True),
        sa.Column("moving_series", sa.String, nullable=False),
        sa.Column("arrays", sa.JSON, nullable=False),
        sa.ForeignKeyConstraint(
            ["fixed_study", "fixed_series"], ["series.study", "series.series"], ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["moving_study", "moving_series"], ["series.study", "series.series"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("task", "fixed_study", "fixed_series", "moving_study", "moving_series"),
    )


def downgrade() -> None:
    """Drop the table; the records under ``pairs/`` stay."""
    op.drop_table("pairs")
