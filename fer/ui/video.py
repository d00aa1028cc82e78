"""A recorded lesson: brought, read in the background, and told like a live one."""

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
from fer.recordings.job import RecordingJob, RecordingOrder
from fer.recordings.queue import RecordingQueue
from fer.server.state import State
from fer.ui import class_panel, lesson_report
from fer.ui.consent import acknowledged, plan_of
from fer.ui.identity import owner
from fer.ui.layout import part
from fer.ui.text import report_words, say
from fer.vision.analyzer import AnalyzedFrame
from fer.vision.draw import draw

PREVIEW: Final = (960, 540)  # pixels that the preview fits into
BLUR: Final = "video_blur"
USUAL: Final = 1.0  # seconds between readings
# By their endings too: not every system knows that Matroska is a video.
KINDS: Final = ("video", "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "ts", "wmv", "flv")


def page(state: State) -> None:
    """The page "Video"."""
    st.set_page_config(layout="wide")
    st.title(say("video.title"))
    me, jobs = owner(), state.recordings
    job = jobs.get(me)
    given = acknowledged(state.settings, job.order.plan.acknowledged if job else None)
    if given is None:
        return
    if job is None:
        bring(state, jobs, me, given)
    elif job.over:
        tell(state, jobs, job)
    else:
        follow(jobs, me)


def bring(state: State, jobs: RecordingQueue, me: str, given: datetime) -> None:
    """The file, what its lesson is called, and how closely to look."""
    try:
        plan = plan_of(state, given)
    except FerError as fault:
        st.info(say("video.missing"), icon=":material/model_training:")
        st.caption(str(fault))
        return
    st.markdown(say("video.intro"))
    most = st.get_option("server.maxUploadSize")
    file = st.file_uploader(say("video.file", most=most), type=KINDS, help=say("video.larger"))
    if file is None:
        st.caption(say("video.privacy"))
        return
    pace = {
        0.5: say("video.every.close"),
        USUAL: say("video.every.usual"),
        # More than that would count as gaps in the lesson.
        3.0: say("video.every.quick"),
    }
    name = st.text_input(
        say("video.name"), placeholder=file.name.rpartition(".")[0], max_chars=120, width=520
    )
    every = st.segmented_control(
        say("video.closely"),
        list(pace),
        format_func=pace.__getitem__,
        default=USUAL,
        required=True,
    )
    if st.button(say("video.start"), type="primary", icon=":material/play_arrow:"):
        order = RecordingOrder(
            file.name,
            replace(plan, name=name.strip()),
            every,
            say("video.stopped_note"),
            say("video.damaged_note"),
        )
        begin(jobs, me, file, order)
    st.caption(say("video.privacy"))


def begin(jobs: RecordingQueue, me: str, file: Any, order: RecordingOrder) -> None:
    """Has it read, or says why it can't be."""
    try:
        with st.spinner(say("video.copying")):
            jobs.begin(me, file, order)
            # Before anything is drawn: a click meanwhile ends this run of the script there.
            _let_go(file.file_id)
    except BusyError:
        if jobs.get(me) is None:  # otherwise it was begun in another tab, and is shown now
            st.warning(say("video.full"), icon=":material/hourglass_top:")
            return
    except DataError as fault:
        st.error(fault_of(file.name, file.size, fault), icon=":material/video_file:")
        return
    st.rerun()


@part(every=1.0)
def follow(jobs: RecordingQueue, me: str) -> None:
    """How far it has come, anew every second."""
    job = jobs.get(me)
    if job is None or job.over:
        st.rerun()
    step, blurred = job.newest, bool(st.session_state.get(BLUR))
    # Before anything is drawn: what waits for it on the page would fade meanwhile.
    picture = None if step is None else preview(step, blur=blurred)
    st.subheader(job.lesson.info.name, anchor=False)
    cancel = partial(jobs.cancel, me)
    if place := jobs.place(job):
        st.info(say("video.waiting", place=place), icon=":material/hourglass_top:")
        st.button(say("video.leave"), icon=":material/close:", on_click=cancel)
        return
    st.progress(min(job.share or 0.0, 1.0), progress(job))
    st.button(
        say("video.stopping") if job.stopping else say("video.cancel"),
        icon=":material/stop_circle:",
        help=say("video.cancel_help"),
        on_click=cancel,
        disabled=job.stopping,
    )
    if picture is None:
        return
    left, right = st.columns([5, 2], gap="medium")
    left.image(picture, channels="BGR", output_format="JPEG", alt=say("video.alt"))
    left.toggle(say("video.blur"), key=BLUR)
    right.html(class_panel.panel(job.lesson.snapshot(), told=job.lesson.fired))


def progress(job: RecordingJob) -> str:
    """How far it is read and what is left, in a line."""
    words, step = report_words(), job.newest
    if step is None:
        return say("video.beginning")
    at = words.time(step.time)
    whole, left = job.video.duration, job.left()
    parts = [
        say("video.read_of", time=at, whole=words.time(whole))
        if whole
        else say("video.read", time=at)
    ]
    if left is not None:
        parts.append(say("video.left", time=words.span(left)))
    return " · ".join(parts)


def preview(step: AnalyzedFrame, *, blur: bool) -> npt.NDArray[np.uint8]:
    """The frame that was read last, small, with its boxes."""
    height, width = step.frame.shape[:2]
    scale = min(PREVIEW[0] / width, PREVIEW[1] / height, 1.0)
    size = max(1, round(scale * width)), max(1, round(scale * height))
    small = np.asarray(cv2.resize(step.frame, size, interpolation=cv2.INTER_AREA), np.uint8)
    draw(small, step.faces.but(boxes=step.faces.boxes * scale), ids=False, blur=blur)
    return small


def tell(state: State, jobs: RecordingQueue, job: RecordingJob) -> None:
    """The report, and what is to be known of it."""
    st.button(
        say("video.another"),
        icon=":material/restart_alt:",
        on_click=partial(jobs.forget, job.owner),
    )
    end = report_words().time(job.lesson.duration)
    if job.fault:
        st.error(say("video.failed", time=end, fault=job.fault), icon=":material/error:")
    elif job.partial:
        st.info(say("video.partial", time=end), icon=":material/content_cut:")
    if job.broken:
        st.warning(say("video.damaged", time=end), icon=":material/broken_image:")
    if not job.faces_seen():
        st.warning(say("video.nobody"), icon=":material/search_off:")
        return
    if unkept := job.store_fault or state.store_fault:
        st.warning(say("video.not_kept", fault=unkept), icon=":material/save:")
    lesson_report.show(job.lesson, state.settings)


def fault_of(name: str, size: int, fault: DataError) -> str:
    """Why a file can't be read, in the reader's language."""
    if not size:
        return say("video.fault.empty", name=name)
    match fault.fault:
        case "sound":
            return say("video.fault.sound", name=name)
        case "pixels":
            return say("video.fault.pixels", name=name)
        case "kind":
            return say("video.fault.kind", name=name)
        case "disk":
            return say("video.fault.disk", name=name)
    return say("video.fault.unreadable", name=name)


def _let_go(file_id: str) -> None:
    """Streamlit would hold the upload in memory for as long as the visit lasts."""
    context = get_script_run_ctx()
    if context is None:
        return
    files = context.uploaded_file_mgr
    if isinstance(files, MemoryUploadedFileManager):
        files.remove_file(context.session_id, file_id)
