"""Photos: every face of a picture with its word, and what can be told about each one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import streamlit as st

from fer.errors import DataError, FerError
from fer.settings import Settings
from fer.ui.consent import acknowledged
from fer.ui.face_details import choose_face, tell
from fer.ui.live.browser_view import browser_text, component_data
from fer.ui.pictures import (
    LARGEST_MB,
    Photo,
    Reader,
    csv_of,
    fault_of,
    for_screen,
    json_of,
    png_of,
    read_photo,
)
from fer.ui.text import count, say

SAMPLE: Final = Path(__file__).with_name("sample.png")  # from NASA's portrait of Eileen Collins
KEPT: Final = "photo_kept"  # what was read in this visit, so that a click reads nothing anew
BLUR: Final = "photo_blur"
FEW: Final = 3
NO_PICTURE: Final = np.zeros((1, 1, 3), np.uint8)
NO_BOXES: Final = np.zeros((0, 4), np.float32)


Kept = dict[str, Photo | str]  # by a file's key; a sentence where it can't be read
Faults = Sequence[tuple[str, str]]  # a file's name, and the sentence


class File(NamedTuple):
    """A picture's file; its key is its own even where the name is not."""

    key: str
    name: str
    data: bytes


def page(settings: Settings, reader: Reader) -> None:
    """The page "Photo"."""
    st.set_page_config(layout="wide")
    st.title(say("photo.title"))
    st.markdown(say("photo.intro"))
    try:
        with st.spinner(say("photo.loading")):
            reader.read(NO_PICTURE, NO_BOXES)  # loads what isn't loaded yet
    except FerError as fault:
        st.info(say("photo.missing"), icon=":material/model_training:")
        st.caption(str(fault))
        return
    files = brought(settings)
    if not files:
        st.caption(say("photo.privacy"))
    kept = read_all(files, reader)
    faults = [(file.name, said) for file in files if isinstance(said := kept[file.key], str)]
    for _, said in faults:
        st.error(said, icon=":material/broken_image:")
    good = [(file, photo) for file in files if isinstance(photo := kept[file.key], Photo)]
    if good:
        file, photo = choose(good) if len(good) > 1 else good[0]
        show(file, photo, reader)
        photos = [photo for _, photo in good]
        if any(len(photo.faces) for photo in photos):
            download(file, photo, photos, faults)


def brought(settings: Settings) -> list[File]:
    """The pictures to read: chosen, taken, or the sample."""
    sources = {
        "files": f":material/add_photo_alternate: {say('photo.source.files')}",
        "camera": f":material/photo_camera: {say('photo.source.camera')}",
        "sample": f":material/face: {say('photo.source.sample')}",
    }
    source = st.segmented_control(
        say("photo.source.label"),
        list(sources),
        format_func=sources.__getitem__,
        default="files",
        required=True,
        key="photo_source",
    )
    if source == "sample":
        return [File("sample", SAMPLE.name, SAMPLE.read_bytes())]
    if source == "camera":
        if not acknowledged(settings):
            return []
        taken = st.camera_input(say("photo.camera.label"))
        return [File(taken.file_id, taken.name, taken.getvalue())] if taken else []
    given = st.file_uploader(
        say("photo.files.label", most=LARGEST_MB),
        type="image",  # a phone then offers its photos, and an iPhone turns HEIC into JPEG
        accept_multiple_files=True,
        max_upload_size=LARGEST_MB,
    )
    paste = st.components.v2.component("fer_paste", js=browser_text("loader.js"))
    paste(key="photo_paste", height=1, data=component_data("photo.js"))
    return [File(one.file_id, one.name, one.getvalue()) for one in given]


def read_all(files: Sequence[File], reader: Reader) -> Kept:
    """What is in each file; a picture that can't be read doesn't keep the others from it."""
    kept: Kept = st.session_state.setdefault(KEPT, {})
    for gone in kept.keys() - {file.key for file in files}:
        del kept[gone]
    new = [file for file in files if file.key not in kept]
    if not new:
        return kept
    bar = st.progress(0.0)
    for at, file in enumerate(new):
        said = say("photo.reading", name=file.name, at=at + 1, of=len(new))
        bar.progress(at / len(new), said)
        kept[file.key] = read(file, reader)
    bar.empty()
    return kept


def read(file: File, reader: Reader, *, whole: bool = False) -> Photo | str:
    """The picture, or the sentence that says what is wrong with it."""
    if len(file.data) > LARGEST_MB * 2**20:
        size = f"{len(file.data) / 2**20:.0f}"
        return say("photo.fault.size", name=file.name, size=size, most=LARGEST_MB)
    try:
        return read_photo(file.name, file.data, reader, whole=whole)
    except DataError as fault:
        return fault_of(file.name, file.data, fault)


def choose(pairs: Sequence[tuple[File, Photo]]) -> tuple[File, Photo]:
    """One of several pictures."""

    def label(at: int) -> str:
        photo = pairs[at][1]
        return f"{photo.name} · {count('photo.faces', len(photo.faces))}"

    at = st.selectbox(say("photo.which.picture"), range(len(pairs)), format_func=label, width=420)
    return pairs[at]


def show(file: File, photo: Photo, reader: Reader) -> None:
    """The picture, and beside it its faces."""
    if not len(photo.faces):
        st.info(say("photo.nobody.text", name=photo.name), icon=":material/search_off:")
        if st.button(say("photo.nobody.whole"), icon=":material/crop_free:"):
            st.session_state[KEPT][file.key] = read(file, reader, whole=True)
            st.rerun()
    elif photo.whole:
        st.caption(say("photo.nobody.taken"))
    # A crowd takes the whole width, as its faces are small.
    few = len(photo.faces) <= FEW
    left, right = st.columns([3, 2], gap="medium") if few else (st.container(), st.container())
    with left:
        place = st.container()
        blur = len(photo.faces) > 0 and st.toggle(say("photo.picture.blur"), key=BLUR)
    with right:
        chosen = choose_face(photo, file.key) if len(photo.faces) > 1 else 0
        if len(photo.faces):
            # Who shares the screen wants no face on it.
            tell(photo, chosen, None if blur else reader.classifier)
    picture = for_screen(photo, chosen, blur=blur)
    place.image(picture, channels="BGR", output_format="JPEG", alt=say("photo.picture.alt"))


def download(file: File, photo: Photo, photos: Sequence[Photo], faults: Faults) -> None:
    """The picture with its boxes, and the numbers of all pictures."""
    blur = bool(st.session_state.get(BLUR))
    with st.container(horizontal=True):
        st.download_button(
            say("photo.download.png"),
            # Made when it is asked for: a large picture takes seconds.
            partial(png_of, file.name, file.data, photo.faces, blur=blur),
            f"{Path(file.name).stem}-faces.png",
            "image/png",
            icon=":material/image:",
            on_click="ignore",
        )
        st.download_button(
            say("photo.download.csv"),
            csv_of(photos).encode("utf-8-sig"),  # without the mark Excel garbles names
            "faces.csv",
            "text/csv",
            icon=":material/table:",
            on_click="ignore",
        )
        st.download_button(
            say("photo.download.json"),
            json_of(photos, faults),
            "faces.json",
            "application/json",
            icon=":material/data_object:",
            on_click="ignore",
        )
