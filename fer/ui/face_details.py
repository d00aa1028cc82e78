"""One of a picture's faces: which, what people would call it, and where the network looked."""

from __future__ import annotations

from collections import Counter
from typing import Final

import cv2
import numpy as np
import streamlit as st

from fer.emotions import EMOJI, EMOTIONS
from fer.ui.charts import share_bars
from fer.ui.pictures import Frame, Photo
from fer.ui.text import count, emotion, say, word
from fer.vision.classifier import Classifier
from fer.vision.draw import SURE
from fer.vision.saliency import overlay

WIDTH: Final = 220  # of a face's picture
SMALL: Final = 96


def choose_face(photo: Photo, key: str) -> int:
    """One of several faces, by its number."""
    words = photo.faces.words()
    shares = photo.faces.probabilities.max(axis=1)
    counts = Counter(name for name in words if name).most_common()
    st.markdown(
        f"**{count('photo.faces', len(words))}**: "
        + " · ".join(f"{emotion(name)} {many}" for name, many in counts)
    )

    def label(at: int) -> str:
        return f"{at + 1} {EMOJI[words[at] or 'neutral']}{'' if shares[at] >= SURE else ' ?'}"

    return st.pills(
        say("photo.which.face"),
        range(len(words)),
        format_func=label,
        default=0,
        required=True,
        key=f"photo_face_{key}",
        wrap=True,
    )


def tell(photo: Photo, at: int, network: Classifier | None) -> None:
    """The seven shares of a face; with the network, also where it looked."""
    shares = photo.faces.probabilities[at]
    best = int(shares.argmax())
    first = word(EMOTIONS[best])
    sure = shares[best] >= SURE
    said = say("photo.face.most", word=first) if sure else say("photo.face.unsure", word=first)
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(photo.faces) > 1:
            number = say("photo.face.number", n=at + 1)
            if network is None:
                st.caption(number)
            else:  # in a crowd the picture shows it too small
                st.image(enlarged(photo.crops[at]), caption=number, width=SMALL, alt=number)
        st.subheader(f"{EMOJI[EMOTIONS[best]]} {said}")
    told = zip(map(emotion, EMOTIONS), shares, strict=True)
    st.altair_chart(
        share_bars(dict(zip(EMOTIONS, map(float, shares), strict=True))),
        alt="; ".join(f"{name} {share:.0%}" for name, share in told),
    )
    if network is not None:
        with st.expander(say("photo.looked.title")):
            looked(photo.crops[at], best, network)


def looked(crop: Frame, best: int, network: Classifier) -> None:
    """What the network saw, and the places that spoke for a word."""
    attention = network.read(crop[None]).attention
    large = enlarged(crop)
    with st.container(horizontal=True):
        st.image(
            large,
            width=WIDTH,
            caption=say("photo.looked.seen", size=crop.shape[0]),
            alt=say("photo.looked.seen_alt"),
        )
        if attention is None:  # the Keras form gives none
            return
        asked = EMOTIONS[
            st.selectbox(
                say("photo.looked.word"),
                range(len(EMOTIONS)),
                index=best,
                format_func=lambda at: emotion(EMOTIONS[at]),
                width=WIDTH,
            )
        ]
        st.image(
            overlay(large, attention[0], asked),
            channels="BGR",
            width=WIDTH,
            caption=say("photo.looked.map"),
            alt=say("photo.looked.map_alt", word=emotion(asked)),
        )


def enlarged(crop: Frame) -> Frame:
    """A crop whose points can be seen."""
    large = cv2.resize(crop, (288, 288), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.uint8)
