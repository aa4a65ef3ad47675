"""Studies, their series and results, and jobs."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "studies",
        sa.Column("study", sa.String, primary_key=True),
        sa.Column("created", sa.String, nullable=False, index=True),
        sa.Column("title", sa.String),
        sa.Column("sample", sa.Boolean, nullable=False),
        sa.Column("refusals", sa.JSON, nullable=False),
    )
    op.create_table(
        "records",
        sa.Column("digest", sa.String, primary_key=True),
        _study(index=True),
    )
    op.create_table(
        "series",
        _study(primary_key=True),
        sa.Column("series", sa.String, primary_key=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("pixels", sa.String, nullable=False, index=True),
        sa.Column("meta", sa.JSON, nullable=False),
    )
    op.create_table(
        "results",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("study", sa.String, nullable=False),
        sa.Column("series", sa.String, nullable=False),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("verdict", sa.String),
        sa.Column("label", sa.String),
        sa.Column("label_map", sa.String, index=True),
        sa.Column("heat", sa.String, index=True),
        sa.ForeignKeyConstraint(
            ["study", "series"], ["series.study", "series.series"], ondelete="CASCADE"
        ),
        sa.UniqueConstraint("study", "series", "task"),
    )
    op.create_table(
        "jobs",
        sa.Column("job", sa.String, primary_key=True),
        _study(index=True),
        sa.Column("task", sa.String, nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("state", sa.String, nullable=False, index=True),
        sa.Column("progress", sa.Float, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("started", sa.String),
        sa.Column("finished", sa.String),
        sa.Column("error", sa.JSON),
        sa.Column("results", sa.JSON, nullable=False),
    )


def _study(**how: bool) -> sa.Column:
    key = sa.ForeignKey("studies.study", ondelete="CASCADE")
    return sa.Column("study", sa.String, key, nullable=False, **how)


def downgrade() -> None:
    """Drop the tables."""
    for name in ("jobs", "results", "series", "records", "studies"):
        op.drop_table(name)
