"""A lesson for the report's tests, with figures that are known in advance."""

from fer.lesson import Alert, Lesson
from fer.lesson.report import Trust
from tests.lesson.classes import crowd, new_lesson, run

ALERT = Alert("negative", 0.4, 30)
TRUST = Trust(
    n=1000,
    called={"angry": 0.81, "disgust": 0.71, "fear": 0.64, "happy": 0.96, "sad": 0.7}
    | {"surprise": 0.85, "neutral": 0.04},
    found=dict.fromkeys(("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"), 0.5),
    faces=dict.fromkeys(("angry", "fear", "happy", "sad", "surprise", "neutral"), 160)
    | {"disgust": 40},
)
HOSTILE = "<script>alert('x')</script> & \"quoted\" </style><img src=x onerror=alert(1)>"


def taught(name: str = "Algebra") -> Lesson:
    """Return a lesson of ten minutes: five calm, one bad, a pause of two, two with a gap."""
    made = new_lesson(ALERT, name=name)
    run(made, crowd(neutral=15, happy=5), range(300))
    run(made, crowd(sad=16, neutral=4), range(300, 360))
    made.pause(360)
    made.resume(480)
    run(made, crowd(neutral=15, happy=5), range(480, 500))
    run(made, crowd(neutral=15, happy=5), range(530, 600))
    made.mark("topic", "Fractions", 30)
    made.mark("question", HOSTILE, 310)
    made.finish(600)
    return made
