"""What all pages look like, beside the theme in .streamlit/config.toml."""

from typing import Final

# Less empty room above and beside: the app often stands in half a screen, next to the call.
STYLE: Final = """<style>
[data-testid="stMainBlockContainer"] { padding: 3.2rem clamp(1rem, 2vw, 1.5rem) 2rem; }
[data-testid="stMainBlockContainer"] h1 { padding-top: 0; }
</style>"""
