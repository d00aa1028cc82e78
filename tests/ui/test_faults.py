"""A page that fails shows one sentence, and a visit with an impossible value begins anew."""

from typing import Any

from streamlit.testing.v1 import AppTest


def page() -> None:
    import streamlit as st

    from fer.ui.faults import no_fault, show_fault

    st.session_state.setdefault("kept", "a value")
    try:
        if st.session_state.get("breaks"):
            raise OverflowError("cannot convert float infinity to integer")
    except OverflowError as fault:
        show_fault(fault)
    else:
        no_fault()


def run(app: Any) -> Any:
    app.run()
    assert not app.exception
    return app


def test_a_fault_is_one_sentence_without_its_reason() -> None:
    app = AppTest.from_function(page)
    app.session_state["breaks"] = True
    run(app)
    (shown,) = app.error
    assert shown.value.startswith("This page failed.")
    assert "infinity" not in shown.value
    assert app.session_state["kept"] == "a value"


def test_a_visit_that_fails_again_begins_anew() -> None:
    app = AppTest.from_function(page)
    app.session_state["breaks"] = True
    run(app)
    run(app)
    assert "breaks" not in app.session_state
    assert not run(app).error


def test_a_fault_now_and_then_takes_nothing_away() -> None:
    app = AppTest.from_function(page)
    for breaks in (True, False, True):
        app.session_state["breaks"] = breaks
        run(app)
    assert app.session_state["kept"] == "a value"


def impossible() -> None:
    import streamlit as st
    from streamlit.proto.WidgetStates_pb2 import WidgetState
    from streamlit.runtime.scriptrunner import get_script_run_ctx
    from streamlit.runtime.state.common import WidgetMetadata
    from streamlit.runtime.state.session_state import Serialized

    from fer.ui.faults import show_fault

    context = get_script_run_ctx()
    assert context is not None
    states = context.session_state._state._new_widget_state
    states.states["seconds"] = Serialized(WidgetState(id="seconds", double_value=float("inf")))
    states.widget_metadata["seconds"] = WidgetMetadata(
        id="seconds", deserializer=int, serializer=float, value_type="double_value"
    )
    for _ in range(2):
        show_fault(OverflowError("cannot convert float infinity to integer"))
    st.text(f"kept: {'seconds' in states.states}")


def test_a_value_that_cannot_be_read_breaks_a_visit_only_once() -> None:
    """A client may send an infinite number for a widget of whole seconds."""
    app = run(AppTest.from_function(impossible))
    assert app.error[0].value.startswith("This page failed.")
    assert app.text[0].value == "kept: False"
