"""Track faces from frame to frame, so that each keeps its id and its smoothed shares."""

from fer.vision.track.tracker import Tracker

__all__ = ["Tracker"]
