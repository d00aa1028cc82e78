"""Run the migrations over the connection that the caller passes; Alembic runs this file."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
with context.begin_transaction():  # the caller's, which has begun
    context.run_migrations()
