"""Live pictures: how they come in, and the lessons that they belong to."""

import aiortc  # noqa: F401  before anything imports TensorFlow: the other way round is a crash
