"""HTML that is safe by type: `Html` is put in as it stands, everything else is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """A value as safe text; `Html` stays as it is."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def join(parts: Iterable[object], between: str = "\n") -> Html:
    """Parts one after the other."""
    return Html(between.join(text(part) for part in parts))


def tag(name: str, *parts: object, **attributes: object) -> Html:
    """An element. A trailing underscore in an attribute's name is dropped: `class_="wide"`.

    >>> tag("p", "a < b", class_="soft")
    '<p class="soft">a &lt; b</p>'
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
    )
    return Html(f"<{name}{given}>{join(parts, '')}</{name}>")


def table(headers: Sequence[object], rows: Iterable[Sequence[object]], kind: str = "") -> Html:
    """A table with a head."""
    head = tag("tr", *(tag("th", cell, scope="col") for cell in headers))
    body = join(tag("tr", *(tag("td", cell) for cell in row)) for row in rows)
    return tag("table", tag("thead", head), tag("tbody", body), class_=kind)
