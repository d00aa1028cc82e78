"""Read a class on a small computer: a camera in, an annotated stream and numbers out, no pages."""
