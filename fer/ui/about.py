"""What the app infers, what that is not, and what nobody may do with it."""

from __future__ import annotations

from typing import Final

import streamlit as st

from fer.emotions import EMOJI, EMOTIONS
from fer.settings import Settings

INFERS: Final = """
For each face the app estimates which of seven words a group of people would choose for the
expression on it: {emotions}. The result is seven shares that add up to 100 %. It was learnt from
some 27,000 small grey pictures that people had labelled, so it repeats their judgement and errors.
"""

NOT_A_FEELING: Final = """
A frown may be anger, bad light, short sight or hard thinking. A smile may be politeness. People
differ in how much they show, by culture, by disability, by the day. The app cannot look inside
anybody, and a figure with two digits is still a guess. Take it as a reason to ask, never as an
answer.
"""

NEVER: Final = """
- **Nobody may be graded, ranked, disciplined or watched by it.** It is wrong too often for a
  decision about one person, and such a use would be wrong even if it were not.
- **Students must know and agree** before it looks at them, and be free to say no without any
  disadvantage. For children, ask their parents too.
- Do not use it to look for lies, illness, attention or effort. It knows nothing about them.
"""

LAW: Final = """
Since **2 February 2025** the EU's AI Act (Regulation (EU) 2024/1689), **Article 5(1)(f)**,
**prohibits** AI systems that infer the emotions of people at work and **in education**, except for
medical or safety reasons. Where this law applies, do not use the app on students in a lesson
outside such an exception. Other countries have rules of their own, and data protection law applies
as well. Ask your school's data protection officer first; this page is no legal advice.
"""

NUMBERS: Final = """
Pictures are read in the app's memory and are gone when you leave the page; none is written to
disk and none is sent anywhere else. What is shown and worked with are numbers: the seven shares of
a face. No name is asked for, and no face is recognised.
"""


def page(settings: Settings) -> None:
    """The page "About"."""
    del settings  # every page is called alike; this one needs none
    st.title("About")
    st.warning(
        "**An expression is not a feeling.** In schools in the European Union the law forbids "
        "most uses of such a system: see below.",
        icon=":material/gavel:",
    )
    emotions = ", ".join(f"{EMOJI[name]} {name}" for name in EMOTIONS)
    for title, text in (
        ("What it infers", INFERS.format(emotions=emotions)),
        ("What that is not", NOT_A_FEELING),
        ("What nobody may do with it", NEVER),
        ("The law in the European Union", LAW),
        ("What happens to the pictures", NUMBERS),
    ):
        st.header(title)
        st.markdown(text)
