"""Run the steps on the connection that `appliance.index` hands over."""

from alembic import context

from appliance.index import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
