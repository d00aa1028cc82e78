"""The page Video: choose a recorded lesson, follow its reading, and show its report."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx

from fer.errors import BusyError, DataError, FerError
from fer.recordings.job import RecordingJob
from fer.recordings.kept import RecordingOrder
from fer.recordings.queue import RecordingQueue
from fer.server.state import State
from fer.ui import class_panel, lesson_report
from fer.ui.consent import acknowledged, plan_of
from fer.ui.identity import owner
from fer.ui.layout import fragment
from fer.ui.text import escape_markdown, report_text, text
from fer.vision.analyzer import AnalyzedFrame
from fer.vision.draw import draw

PREVIEW: Final = (960, 540)  # the preview's largest width and height in pixels
BLUR: Final = "video_blur"
READING: Final = "reading"  # in the page's address: the lesson of the recording that is read
USUAL: Final = 1.0  # seconds between readings
# File endings too, because some systems don't know that Matroska is a video.
KINDS: Final = ("video", "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "ts", "wmv", "flv")


def page(state: State) -> None:
    """Show the page "Video"."""
    st.set_page_config(layout="wide")
    st.title(text("video.title"))
    me, jobs = owner(), state.recordings
    job = jobs.get(me)
    _show_lost(jobs, job, me)
    given = acknowledged(state.settings, job.order.plan.acknowledged if job else None)
    if given is None:
        return
    if job is None:
        choose_video(state, jobs, me, given)
    elif job.over:
        show_report(state, jobs, job)
    else:
        show_progress(jobs, me)


def _show_lost(jobs: RecordingQueue, job: RecordingJob | None, me: str) -> None:
    """Show that a recording was lost; the page's address says that one was being read here.

    The address, because a server that was started elsewhere knows nothing of the recording.
    """
    if job is not None:
        if st.query_params.get(READING) != job.order.lesson_id:
            st.query_params[READING] = job.order.lesson_id
    elif READING in st.query_params or jobs.lost(me) is not None:
        name = escape_markdown(jobs.lost(me) or "–")
        st.warning(text("video.lost", name=name), icon=":material/video_file:")


def choose_video(state: State, jobs: RecordingQueue, me: str, given: datetime) -> None:
    """Show the form: the file, its lesson's name, and how often faces are read."""
    try:
        plan = plan_of(state, given)
    except FerError as fault:
        st.info(text("video.missing"), icon=":material/model_training:")
        st.caption(str(fault))
        return
    st.markdown(text("video.intro"))
    most = st.get_option("server.maxUploadSize")
    file = st.file_uploader(text("video.file", most=most), type=KINDS, help=text("video.larger"))
    if file is None:
        st.caption(text("video.privacy"))
        return
    pace = {
        0.5: text("video.every.close"),
        USUAL: text("video.every.usual"),
        # Longer intervals would count as gaps in the lesson.
        3.0: text("video.every.quick"),
    }
    name = st.text_input(
        text("video.name"), placeholder=file.name.rpartition(".")[0], max_chars=120, width=520
    )
    every = st.segmented_control(
        text("video.closely"),
        list(pace),
        format_func=pace.__getitem__,
        default=USUAL,
        required=True,
    )
    if st.button(text("video.start"), type="primary", icon=":material/play_arrow:"):
        order = RecordingOrder(
            file.name,
            replace(plan, name=name.strip()),
            every,
            text("video.stopped_note"),
            text("video.damaged_note"),
        )
        start_reading(jobs, me, file, order)
    st.caption(text("video.privacy"))


def start_reading(jobs: RecordingQueue, me: str, file: Any, order: RecordingOrder) -> None:
    """Put the recording into the queue, or show why that is not possible."""
    try:
        with st.spinner(text("video.copying")):
            jobs.begin(me, file, order, st.context.ip_address or "")
            # Before anything is drawn, because a click ends the script at its next element.
            _release_upload(file.file_id)
    except BusyError:
        if jobs.get(me) is None:  # else another tab began a reading, which is shown now
            st.warning(text("video.full"), icon=":material/hourglass_top:")
            return
    except DataError as fault:
        st.error(fault_text(file.name, file.size, fault), icon=":material/video_file:")
        return
    st.rerun()


@fragment(every=1.0)
def show_progress(jobs: RecordingQueue, me: str) -> None:
    """Show the reading's progress, redrawn every second."""
    job = jobs.get(me)
    if job is None or job.over:
        st.rerun()
    frame, blurred = job.newest, bool(st.session_state.get(BLUR))
    # Before anything is drawn, because the elements after it would fade meanwhile.
    picture = None if frame is None else preview(frame, blur=blurred)
    st.subheader(job.lesson.info.name, anchor=False)
    cancel = partial(_cancel, jobs, me)
    if place := jobs.place(job):
        st.info(text("video.waiting", place=place), icon=":material/hourglass_top:")
        st.button(text("video.leave"), icon=":material/close:", on_click=cancel)
        return
    st.progress(min(job.share or 0.0, 1.0), progress_text(job))
    st.button(
        text("video.stopping") if job.stopping else text("video.cancel"),
        icon=":material/stop_circle:",
        help=text("video.cancel_help"),
        on_click=cancel,
        disabled=job.stopping,
    )
    if picture is None:
        return
    left, right = st.columns([5, 2], gap="medium")
    left.image(picture, channels="BGR", output_format="JPEG", alt=text("video.alt"))
    left.toggle(text("video.blur"), key=BLUR)
    right.html(class_panel.panel(job.lesson.snapshot(), alerts=job.lesson.fired))


def _cancel(jobs: RecordingQueue, me: str) -> None:
    jobs.cancel(me)
    if jobs.get(me) is None:  # it had not begun
        st.query_params.pop(READING, None)


def progress_text(job: RecordingJob) -> str:
    """Return one line with the time that was read and the time left."""
    words, frame = report_text(), job.newest
    if frame is None:
        return text("video.beginning")
    at = words.time(frame.time)
    whole, left = job.video.duration, job.left()
    parts = [
        text("video.read_of", time=at, whole=words.time(whole))
        if whole
        else text("video.read", time=at)
    ]
    if left is not None:
        parts.append(text("video.left", time=words.span(left)))
    return " · ".join(parts)


def preview(frame: AnalyzedFrame, *, blur: bool) -> npt.NDArray[np.uint8]:
    """Return a frame reduced to PREVIEW, with its boxes."""
    height, width = frame.frame.shape[:2]
    scale = min(PREVIEW[0] / width, PREVIEW[1] / height, 1.0)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = np.asarray(cv2.resize(frame.frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    draw(small, frame.faces.but(boxes=frame.faces.boxes * scale), ids=False, blur=blur)
    return small


def show_report(state: State, jobs: RecordingQueue, job: RecordingJob) -> None:
    """Show the report, and what is missing in it."""
    st.button(
        text("video.another"),
        icon=":material/restart_alt:",
        on_click=partial(_begin_another, jobs, job.owner),
    )
    end = report_text().time(job.lesson.duration)
    if job.fault:
        st.error(text("video.failed", time=end, fault=job.fault), icon=":material/error:")
    elif job.partial:
        st.info(text("video.partial", time=end), icon=":material/content_cut:")
    if job.broken:
        st.warning(text("video.damaged", time=end), icon=":material/broken_image:")
    if not job.faces_seen():
        st.warning(text("video.nobody"), icon=":material/search_off:")
        return
    if unkept := job.store_fault or state.unsaved_because():
        st.warning(text("video.not_kept", fault=unkept), icon=":material/save:")
    lesson_report.show(job.lesson, state.settings)


def _begin_another(jobs: RecordingQueue, me: str) -> None:
    jobs.forget(me)
    st.query_params.pop(READING, None)


def fault_text(name: str, size: int, fault: DataError) -> str:
    """Return why a file can't be read, in the visitor's language."""
    match fault.fault if size else "empty":
        case "empty":
            said = text("video.fault.empty", name=name)
        case "sound":
            said = text("video.fault.sound", name=name)
        case "pixels":
            said = text("video.fault.pixels", name=name)
        case "costly":
            said = text("video.fault.costly", name=name)
        case "kind":
            said = text("video.fault.kind", name=name)
        case "disk":
            said = text("video.fault.disk", name=name)
        case _:
            said = text("video.fault.unreadable", name=name)
    return said


def _release_upload(file_id: str) -> None:
    """Remove the upload from Streamlit's memory, where it would stay until the visit ends."""
    context = get_script_run_ctx()
    if context is None:
        return
    files = context.uploaded_file_mgr
    if isinstance(files, MemoryUploadedFileManager):
        files.remove_file(context.session_id, file_id)
