"""A picture in, Faces out: the only part that knows detection, reading and tracking.

analyzer = Analyzer()
analyzer.photo(frame)                     one picture, searched thoroughly
for step in analyzer.video(source): ...   every frame of a recording, in order
with analyzer.live() as live:             frames as they come; the newest answer, no queue
    faces = live.feed(frame, time)
"""

from fer.pipeline.analyzer import Analyzer, Step
from fer.pipeline.live import Live

__all__ = ["Analyzer", "Live", "Step"]
