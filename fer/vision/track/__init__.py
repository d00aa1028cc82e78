"""Follows faces from frame to frame, so that each keeps its id, its place and its shares."""

from fer.vision.track.tracker import Tracker

__all__ = ["Tracker"]
