"""Report pages: escaped text, embedded pictures, charts with the right figures."""

import base64
import re
import xml.etree.ElementTree as ET

import cv2
import numpy as np
import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from fer.training.reports.charts import Axes, bars, heat, lines, ticks
from fer.training.reports.page import ENVIRONMENT, grid, picture

SVG = "{http://www.w3.org/2000/svg}"


def parsed(chart: Markup) -> ET.Element:
    return ET.fromstring(str(chart).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))


def words(chart: Markup) -> list[str]:
    return [element.text or "" for element in parsed(chart).iter(f"{SVG}text")]


PAGE = """{% extends "page.html" %}{% import "parts.html" as parts %}
{% block title %}{{ title }}{% endblock %}
{% block body %}{{ parts.table(["x & y"], [["<i>", 3]]) }}{{ parts.card(safe, ["<u>", "two"]) }}
{{ chart }}{% endblock %}"""


def rendered(**values: object) -> str:
    given = {"title": "a <b>", "safe": Markup("<b>bold</b>"), "chart": ""} | values
    return ENVIRONMENT.from_string(PAGE).render(given)


def test_text_is_escaped_and_markup_is_not() -> None:
    made = rendered()
    assert "<title>a &lt;b&gt;</title>" in made and "<h1>a &lt;b&gt;</h1>" in made
    assert "x &amp; y" in made and "&lt;i&gt;" in made and "<td>3</td>" in made
    assert "<b>bold</b>" in made and "&lt;u&gt;<br>two" in made


def test_a_value_that_a_template_misses_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="unknown"):
        ENVIRONMENT.from_string("{{ unknown }}").render()


def test_a_page_fetches_nothing_and_knows_both_themes() -> None:
    face = np.zeros((4, 4), np.uint8)
    made = rendered(safe=picture(face), chart=bars(["a"], {"n": [1]}))
    assert "prefers-color-scheme: dark" in made
    assert not re.findall(r'(?:src|href)="(?!data:)', made) and "http" not in made


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_picture_keeps_its_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    made = picture(pixels, 2, 'a "face"')
    assert 'width="14" height="10"' in made and "&#34;face&#34;" in made
    data = base64.b64decode(made.split("base64,")[1].split('"')[0])
    assert (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED) == pixels).all()


@pytest.mark.parametrize(("count", "columns", "size"), [(5, 3, (2, 3)), (2, 20, (1, 2))])
def test_a_grid_holds_every_face(count: int, columns: int, size: tuple[int, int]) -> None:
    faces = np.arange(1, count + 1, dtype=np.uint8)[:, None, None] * np.ones((4, 6), np.uint8)
    sheet = grid(faces, columns, gap=1)
    assert sheet.shape == (size[0] * 5 - 1, size[1] * 7 - 1)
    assert {int(sheet[k // size[1] * 5, k % size[1] * 7]) for k in range(count)} == {
        *range(1, count + 1)
    }


def test_bars_are_as_long_as_their_figures() -> None:
    chart = bars(["one", "two <b>"], {"n": [10, 40]})
    longs = [float(bar.attrib["width"]) for bar in parsed(chart).iter(f"{SVG}rect")]
    assert longs[1] == pytest.approx(4 * longs[0], abs=0.5)
    assert words(chart) == ["one", "10", "two <b>", "40"]


def test_bars_in_groups_have_a_legend_and_their_colours() -> None:
    chart = bars(["a", "b"], {"x": [1, 2], "y": [3, 4]}, colours={"y": "#123456"}, top=4)
    fills = [bar.attrib["fill"] for bar in parsed(chart).iter(f"{SVG}rect")]
    assert words(chart)[:2] == ["x", "y"] and fills.count("#123456") == 3


def test_one_series_may_be_coloured_by_name() -> None:
    chart = bars(["a", "b"], {"n": [1, 2]}, colours={"a": "#111111", "b": "#222222"})
    fills = [bar.attrib["fill"] for bar in parsed(chart).iter(f"{SVG}rect")]
    assert fills == ["#111111", "#222222"]


@pytest.mark.parametrize("values", [[], [0, 0]])
def test_bars_without_anything_to_show_still_draw(values: list[float]) -> None:
    assert parsed(bars(["a", "b"][: len(values)], {"n": values})) is not None


def test_lines_run_from_corner_to_corner() -> None:
    chart = lines({"up": [(0, 0), (1, 1)]}, Axes(across="x", up="y", diagonal=True), marks=True)
    tree = parsed(chart)
    path = tree.find(f"{SVG}polyline")
    assert path is not None
    (x1, y1), (x2, y2) = (map(float, p.split(",")) for p in path.attrib["points"].split())
    assert x1 < x2 and y1 > y2
    assert len(list(tree.iter(f"{SVG}circle"))) == 2
    diagonal = next(e for e in tree.iter(f"{SVG}line") if "stroke-dasharray" in e.attrib)
    assert float(diagonal.attrib["x1"]) == x1 and float(diagonal.attrib["y2"]) == y2


@pytest.mark.parametrize("series", [{}, {"flat": [(1.0, 2.0), (1.0, 2.0)]}])
def test_lines_without_a_range_still_draw(series: dict[str, list[tuple[float, float]]]) -> None:
    assert "nan" not in lines(series)


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 48, [0, 10, 20, 30, 40]), (0.9, 1.0, None)],
)
def test_ticks_are_round(low: float, high: float, marks: list[float] | None) -> None:
    found = ticks(low, high)
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found) and len(found) >= 3
    if marks is not None:
        assert found == pytest.approx(marks)


def test_heat_shows_every_figure_and_shades_rows_by_share() -> None:
    chart = heat(np.array([[3, 1], [0, 0]]), ["a", "b"], across="said", down="is")
    cells = [float(c.attrib["fill-opacity"]) for c in parsed(chart).iter(f"{SVG}rect")]
    assert cells[0] > cells[1] > cells[2] == cells[3]
    assert {"3", "1", "0", "a", "b", "said", "is"} <= set(words(chart))
