"""Run one page under Streamlit's AppTest, with a model folder or a fake reader."""

from pathlib import Path

from streamlit.testing.v1 import AppTest

from fer.ui.text import CHOSEN, FIRST
from fer.vision.photos import PhotoReader


def _script(name: str, folder: str) -> None:
    import importlib
    from pathlib import Path

    from fer.settings import Settings

    importlib.import_module(f"fer.ui.{name}").page(Settings(model=Path(folder)))


def _photo(reader: object) -> None:
    from fer.settings import Settings
    from fer.ui.photo import page
    from fer.vision.photos import Photos

    page(Settings(), Photos(reader))


def open_page(name: str, folder: Path, language: str = FIRST) -> AppTest:
    """Return the page after its first run."""
    page = AppTest.from_function(
        _script, kwargs={"name": name, "folder": str(folder)}, default_timeout=60
    )
    page.session_state[CHOSEN] = language
    return page.run()


def open_photo(reader: PhotoReader, language: str = FIRST) -> AppTest:
    """Return the page "Photo" after its first run."""
    page = AppTest.from_function(_photo, kwargs={"reader": reader}, default_timeout=60)
    page.session_state[CHOSEN] = language
    return page.run()


def text_of(page: AppTest) -> str:
    """Return all texts on the page, one element per line."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error")
    return "\n".join(piece.value for kind in kinds for piece in page.get(kind))
