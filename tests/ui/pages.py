"""Runs one page under Streamlit's AppTest with a model folder of the test's own."""

from pathlib import Path

from streamlit.testing.v1 import AppTest


def _script(name: str, folder: str) -> None:
    import importlib
    from pathlib import Path

    from fer.settings import Settings

    importlib.import_module(f"fer.ui.{name}").page(Settings(model=Path(folder)))


def open_page(name: str, folder: Path) -> AppTest:
    """The page after its first run."""
    return AppTest.from_function(
        _script, kwargs={"name": name, "folder": str(folder)}, default_timeout=60
    ).run()


def text_of(page: AppTest) -> str:
    """Every word on the page, a piece a line."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "info", "warning", "error")
    return "\n".join(piece.value for kind in kinds for piece in page.get(kind))
