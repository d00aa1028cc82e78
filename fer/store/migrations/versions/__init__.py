"""One file a revision. A published one is never changed: a new wish is a new file."""
