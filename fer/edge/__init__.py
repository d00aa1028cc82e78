"""Read a class on a small computer: from a camera to an annotated stream and numbers, no pages."""
