"""The page Photo: read the faces of pictures and show each face's emotion and details."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import cv2
import numpy as np
import streamlit as st

from fer.emotions import EMOJI, EMOTIONS, SURE
from fer.errors import BusyError, DataError, FerError
from fer.faces import Picture
from fer.settings import Settings
from fer.tables import FACE, csv_text, face_rows
from fer.ui.charts import share_bars, share_text
from fer.ui.consent import acknowledged
from fer.ui.live.browser_view import browser_text, component_data
from fer.ui.text import emotion, plural, text, word
from fer.vision.classifier import Classifier
from fer.vision.media.pictures import BROUGHT
from fer.vision.photos import LARGEST, Photo, Photos, screen_picture
from fer.vision.saliency import overlay

SAMPLE: Final = Path(__file__).with_name("sample.png")  # from NASA's portrait of Eileen Collins
KEPT: Final = "photo_kept"  # this visit's results, so that a click does not read a picture again
BLUR: Final = "photo_blur"
FEW: Final = 3  # faces; up to so many, the details are beside the picture
LARGEST_MB: Final = LARGEST // 1_000_000
WIDTH: Final = 220  # of a face's picture
SMALL: Final = 96
EMPTY_PICTURE: Final = np.zeros((1, 1, 3), np.uint8)
NO_BOXES: Final = np.zeros((0, 4), np.float32)


Kept = dict[str, Photo | str]  # by a file's key; an error message if it can't be read
Faults = Sequence[tuple[str, str]]  # a file's name and its error message


class File(NamedTuple):
    """A picture's file; its key is unique, also if two files have one name."""

    key: str
    name: str
    data: bytes


def page(settings: Settings, photos: Photos) -> None:
    """Show the page "Photo"."""
    st.set_page_config(layout="wide")
    st.title(text("photo.title"))
    st.markdown(text("photo.intro"))
    try:
        with st.spinner(text("photo.loading")):
            photos.reader.read(EMPTY_PICTURE, NO_BOXES)  # loads the network
    except FerError as fault:
        st.info(text("photo.missing"), icon=":material/model_training:")
        st.caption(str(fault))
        return
    files = input_files(settings)
    if not files:
        st.caption(text("photo.privacy"))
    kept = read_all(files, photos)
    faults = [(file.name, message) for file in files if isinstance(message := kept[file.key], str)]
    for _, message in faults:
        st.error(message, icon=":material/broken_image:")
    good = [(file, photo) for file in files if isinstance(photo := kept[file.key], Photo)]
    if good:
        file, photo = choose_photo(good) if len(good) > 1 else good[0]
        show_photo(file, photo, photos)
        if any(len(photo.faces) for _, photo in good):
            download(file, photo, photos, [photo for _, photo in good], faults)


def input_files(settings: Settings) -> list[File]:
    """Show the inputs and return the pictures to read: files, a photo taken, or the sample."""
    sources = {
        "files": f":material/add_photo_alternate: {text('photo.source.files')}",
        "camera": f":material/photo_camera: {text('photo.source.camera')}",
        "sample": f":material/face: {text('photo.source.sample')}",
    }
    source = st.segmented_control(
        text("photo.source.label"),
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
        taken = st.camera_input(text("photo.camera.label"))
        return [File(taken.file_id, taken.name, taken.getvalue())] if taken else []
    given = st.file_uploader(
        text("photo.files.label", most=LARGEST_MB),
        type="image",  # a phone then offers its photos, and an iPhone turns HEIC into JPEG
        accept_multiple_files=True,
        max_upload_size=LARGEST_MB,
    )
    paste = st.components.v2.component("fer_paste", js=browser_text("loader.js"))
    paste(key="photo_paste", height=1, data=component_data("photo.js"))
    return [File(one.file_id, one.name, one.getvalue()) for one in given]


def read_all(files: Sequence[File], photos: Photos) -> Kept:
    """Read each file once per visit and return the results, with a message for each failure."""
    kept: Kept = st.session_state.setdefault(KEPT, {})
    for gone in kept.keys() - {file.key for file in files}:
        del kept[gone]
    new = [file for file in files if file.key not in kept]
    if not new:
        return kept
    bar = st.progress(0.0)
    for at, file in enumerate(new):
        message = text("photo.reading", name=file.name, at=at + 1, of=len(new))
        bar.progress(at / len(new), message)
        kept[file.key] = read(file, photos)
    bar.empty()
    return kept


def read(file: File, photos: Photos, *, whole: bool = False) -> Photo | str:
    """Return the picture that was read, or an error message for the visitor."""
    try:
        return photos.read(file.data, file.name, whole=whole)
    except DataError as fault:
        return fault_text(file.name, file.data, fault)
    except BusyError:  # the page has loaded the network, so it is a place for decoding that lacks
        return text("photo.fault.busy", name=file.name)


def choose_photo(pairs: Sequence[tuple[File, Photo]]) -> tuple[File, Photo]:
    """Let the visitor choose one of several pictures."""

    def label(at: int) -> str:
        photo = pairs[at][1]
        return f"{photo.name} · {plural('photo.faces', len(photo.faces))}"

    at = st.selectbox(text("photo.which.picture"), range(len(pairs)), format_func=label, width=420)
    return pairs[at]


def show_photo(file: File, photo: Photo, photos: Photos) -> None:
    """Show the picture and the details of the chosen face."""
    if not len(photo.faces):
        st.info(text("photo.nobody.text", name=photo.name), icon=":material/search_off:")
        if st.button(text("photo.nobody.whole"), icon=":material/crop_free:"):
            st.session_state[KEPT][file.key] = read(file, photos, whole=True)
            st.rerun()
    elif photo.whole:
        st.caption(text("photo.nobody.taken"))
    # With many faces the picture takes the whole width, as they are small.
    few = len(photo.faces) <= FEW
    left, right = st.columns([3, 2], gap="medium") if few else (st.container(), st.container())
    with left:
        place = st.container()
        blur = len(photo.faces) > 0 and st.toggle(text("photo.picture.blur"), key=BLUR)
    with right:
        chosen = choose_face(photo, file.key) if len(photo.faces) > 1 else 0
        if len(photo.faces):
            # With blurred faces, show no enlarged face either.
            face_details(photo, chosen, None if blur else photos.reader.classifier)
    picture = screen_picture(photo, chosen, blur=blur)
    place.image(picture, channels="BGR", output_format="JPEG", alt=text("photo.picture.alt"))


def download(
    file: File, photo: Photo, photos: Photos, read: Sequence[Photo], faults: Faults
) -> None:
    """Offer downloads: the shown picture with its boxes, and the numbers of all pictures."""
    blur = bool(st.session_state.get(BLUR))
    with st.container(horizontal=True):
        st.download_button(
            text("photo.download.png"),
            # Drawn on the click: a large picture takes seconds.
            partial(photos.drawn, file.data, file.name, photo.faces, blur=blur),
            f"{Path(file.name).stem}-faces.png",
            "image/png",
            icon=":material/image:",
            on_click="ignore",
        )
        st.download_button(
            text("photo.download.csv"),
            csv_table(read),
            "faces.csv",
            "text/csv",
            icon=":material/table:",
            on_click="ignore",
        )
        st.download_button(
            text("photo.download.json"),
            json_list(read, faults),
            "faces.json",
            "application/json",
            icon=":material/data_object:",
            on_click="ignore",
        )


def choose_face(photo: Photo, key: str) -> int:
    """Let the visitor choose one of several faces; return its index."""
    words = photo.faces.words()
    shares = photo.faces.probabilities.max(axis=1)
    counts = Counter(name for name in words if name).most_common()
    parts = [f"{emotion(name)} {many}" for name, many in counts]
    if unread := words.count(None):
        parts.append(plural("photo.unread", unread))
    st.markdown(f"**{plural('photo.faces', len(words))}**: " + " · ".join(parts))

    def label(at: int) -> str:
        name = words[at]
        if name is None:
            return f"{at + 1} –"
        return f"{at + 1} {EMOJI[name]}{'' if shares[at] >= SURE else ' ?'}"

    return st.pills(
        text("photo.which.face"),
        range(len(words)),
        format_func=label,
        default=0,
        required=True,
        key=f"photo_face_{key}",
        wrap=True,
    )


def face_details(photo: Photo, at: int, network: Classifier | None) -> None:
    """Show the seven shares of a face; with a network, also its attention map."""
    if not photo.faces.known[at]:
        if len(photo.faces) > 1:
            st.caption(text("photo.face.number", n=at + 1))
        st.info(text("photo.face.unread"), icon=":material/visibility_off:")
        return
    shares = photo.faces.probabilities[at]
    best = int(shares.argmax())
    first = word(EMOTIONS[best])
    sure = shares[best] >= SURE
    message = text("photo.face.most", word=first) if sure else text("photo.face.unsure", word=first)
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(photo.faces) > 1:
            number = text("photo.face.number", n=at + 1)
            if network is None:
                st.caption(number)
            else:  # the face is small in a picture of many
                st.image(enlarged(photo.crops[at]), caption=number, width=SMALL, alt=number)
        st.subheader(f"{EMOJI[EMOTIONS[best]]} {message}")
    named = zip(map(emotion, EMOTIONS), shares, strict=True)
    st.altair_chart(
        share_bars(dict(zip(EMOTIONS, map(float, shares), strict=True))),
        alt="; ".join(f"{name} {share_text(share)}" for name, share in named),
    )
    if network is not None:
        with st.expander(text("photo.attention.title")):
            attention_map(photo.crops[at], best, network)


def attention_map(crop: Picture, best: int, network: Classifier) -> None:
    """Show the network's input, and which places made it more confident of an emotion."""
    attention = network.read(crop[None]).attention
    large = enlarged(crop)
    with st.container(horizontal=True):
        st.image(
            large,
            width=WIDTH,
            caption=text("photo.attention.seen", size=crop.shape[0]),
            alt=text("photo.attention.seen_alt"),
        )
        if attention is None:  # the Keras form gives none
            return
        chosen = EMOTIONS[
            st.selectbox(
                text("photo.attention.word"),
                range(len(EMOTIONS)),
                index=best,
                format_func=lambda at: emotion(EMOTIONS[at]),
                width=WIDTH,
            )
        ]
        st.image(
            overlay(large, attention[0], chosen),
            channels="BGR",
            width=WIDTH,
            caption=text("photo.attention.map"),
            alt=text("photo.attention.map_alt", word=emotion(chosen)),
        )


def enlarged(crop: Picture) -> Picture:
    """Return a crop enlarged so that its pixels are visible."""
    large = cv2.resize(crop, (288, 288), interpolation=cv2.INTER_NEAREST)
    return np.asarray(large, np.uint8)


def fault_text(name: str, data: bytes, fault: DataError) -> str:
    """Return why a file cannot be read, in the visitor's language."""
    most, fewer = f"{BROUGHT.pixels / 1e6:.0f}", f"{BROUGHT.costly_pixels / 1e6:.0f}"
    size = f"{len(data) / 1e6:.1f}"
    match fault.fault if data else "empty":
        case "empty":
            said = text("photo.fault.empty", name=name)
        case "heic":
            said = text("photo.fault.heic", name=name)
        case "pixels":
            said = text("photo.fault.pixels", name=name, most=most, fewer=fewer)
        case "side":
            said = text("photo.fault.side", name=name, most=BROUGHT.side)
        case "costly":
            said = text("photo.fault.costly", name=name)
        case "size":
            said = text("photo.fault.size", name=name, size=size, most=LARGEST_MB)
        case _:
            said = text("photo.fault.unreadable", name=name)
    return said


def csv_table(photos: Sequence[Photo]) -> str:
    """Return CSV with a row for each face."""
    rows = (row for photo in photos for row in face_rows(photo.name, photo.faces))
    return csv_text(("file", *FACE), rows)


def json_list(photos: Sequence[Photo], faults: Sequence[tuple[str, str]]) -> str:
    """Return JSON with an entry for each file, in the form of `fer photo --json`."""
    entries: list[dict[str, Any]] = [
        {"file": photo.name, "faces": photo.faces.to_records()} for photo in photos
    ]
    entries += [{"file": name, "error": fault} for name, fault in faults]
    return json.dumps(entries, indent=1, ensure_ascii=False)
