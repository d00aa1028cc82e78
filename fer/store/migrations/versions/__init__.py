"""One file for each revision. Never change a published one: add a file."""
