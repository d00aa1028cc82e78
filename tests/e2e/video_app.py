"""The page "Video" with the app's own routes: what the browser tests of it run."""

import streamlit as st

from fer import server
from fer.server.state import shared
from fer.settings import Settings
from fer.ui import video
from fer.ui.layout import STYLE

state = shared(Settings.from_env())

if __name__ == "__main__":
    st.html(STYLE)
    video.page(state)
else:
    app = st.App(
        __file__,
        lifespan=server.lifespan(state),
        routes=server.routes(state),
        middleware=server.middleware(state.settings),
    )
