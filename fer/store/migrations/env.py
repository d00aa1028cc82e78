"""What Alembic runs for every command: it migrates by the connection that the caller passes."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
)
with context.begin_transaction():  # the caller's, which has begun
    context.run_migrations()
