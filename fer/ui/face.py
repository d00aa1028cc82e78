"""One picture of one face, read: seven shares as bars. The picture stays in memory."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt
import streamlit as st

from fer.classify import Classifier, Reading, load_classifier
from fer.crop import fitted
from fer.emotions import EMOJI, EMOTIONS
from fer.errors import DataError, ModelError
from fer.explain import overlay
from fer.settings import Settings
from fer.sources.pictures import decode_picture
from fer.ui.charts import share_bars

Grey = npt.NDArray[np.uint8]

LARGEST_MB: Final = 10
SAMPLE: Final = Path(__file__).with_name("sample.png")  # from NASA's portrait of Eileen Collins
UNSURE: Final = 0.5  # below this share the first word is no more than the best of several


@st.cache_resource(show_spinner="Loading the network …")
def classifier(folder: Path, runtime: str) -> Classifier:
    """The network, loaded once for all visitors."""
    return load_classifier(folder, runtime)


def page(settings: Settings) -> None:
    """The page "One face"."""
    st.title("One face")
    st.markdown(
        "Choose a picture of **one face, cut out closely** from chin to forehead. "
        "The network says which of seven words a group of people would choose for its expression."
    )
    try:
        network = classifier(settings.model, settings.runtime)
    except ModelError as fault:
        st.info(
            "There is no network to read faces with yet. The page **How good is it?** tells how "
            "to make one.",
            icon=":material/model_training:",
        )
        st.caption(str(fault))
        return
    given = st.file_uploader(
        f"A picture of one face (at most {LARGEST_MB} MB)",
        type=["jpg", "jpeg", "png", "webp", "bmp"],
        max_upload_size=LARGEST_MB,
    )
    if given is not None:
        name, data = given.name, given.getvalue()
    elif st.toggle("Take the sample picture"):
        name, data = SAMPLE.name, SAMPLE.read_bytes()
    else:
        st.caption("The picture is read in memory and forgotten; nothing is written or sent on.")
        return
    try:
        crop = crop_of(data, network.size, name)
    except DataError as fault:
        st.error(str(fault), icon=":material/broken_image:")
        return
    show(crop, network.read(crop[None]))


def show(crop: Grey, reading: Reading) -> None:
    """What was read, beside the seven shares, and where the network looked."""
    shares = reading.probabilities[0]
    best = int(shares.argmax())
    name = EMOTIONS[best]
    if shares[best] >= UNSURE:
        st.subheader(f"{EMOJI[name]} Most people would say: {name}")
    else:
        st.subheader(f"{EMOJI[name]} People would disagree: {name} comes first")
    picture, bars = st.columns([1, 2], vertical_alignment="center")
    large = cv2.resize(crop, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    picture.image(
        large,
        caption=f"What the network sees: {crop.shape[1]} × {crop.shape[0]} points",
        width=220,  # on a phone the bars should not start below the fold
        alt="The middle of the picture, grey and small",
    )
    bars.altair_chart(
        share_bars(dict(zip(EMOTIONS, map(float, shares), strict=True))),
        alt="; ".join(f"{e} {s:.0%}" for e, s in zip(EMOTIONS, shares, strict=True)),
    )
    if reading.attention is not None:
        with st.expander("Where did the network look?"):
            asked = st.selectbox("For the word", EMOTIONS, index=best, width=220)
            st.image(
                overlay(large, reading.attention[0], asked),
                channels="BGR",
                width=220,
                caption="Bright: spoke for this word more than for the others.",
                alt=f"The face with the places that spoke for {asked} lit up",
            )
    st.caption("An expression is not a feeling, and one picture is one moment. See the page About.")


def crop_of(data: bytes, size: int, name: str = "the picture") -> Grey:
    """A file's bytes as the network takes a face: grey, the middle square, size × size."""
    picture = decode_picture(data, name)
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return fitted(picture[top : top + side, left : left + side], size)
