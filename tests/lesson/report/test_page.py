"""The page: it shows what it must, runs no script and loads nothing."""

import re
from html.parser import HTMLParser

from hypothesis import given, settings
from hypothesis import strategies as st

from fer.lesson import Lesson
from fer.lesson.report import Trust, from_json, to_html, to_json
from tests.lesson.classes import crowd, new_lesson, run
from tests.lesson.report.lessons import HOSTILE, TRUST, taught


class PageParser(HTMLParser):
    """Collects a page's elements, their attributes and the text, as a browser reads them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data + "\n"


def read(lesson: Lesson, trust: Trust | None = TRUST) -> PageParser:
    return PageParser(to_html(lesson, trust))


def test_the_page_shows_what_it_must() -> None:
    words = read(taught()).words
    for expected in (
        "Algebra",
        "2026-03-02 · 09:30 – 09:40 · UTC",
        "10:00",  # how long
        "Mostly neutral",
        "5:00 – 6:00",  # the alert
        "negative: over 40 % for 30 seconds",
        "80 %",
        "Fractions",
        "paused",
        "The teacher confirmed on 2026-03-02 at 09:30",
        "Region: DE.",
        "AI Act (Regulation (EU) 2024/1689), Article 5(1)(f)",
        "An expression is not a feeling.",
        "Network: emotion 0.1.0.",
    ):
        assert expected in words, expected


def test_trust_is_written_as_so_many_of_ten() -> None:
    page = to_html(taught(), TRUST)
    rows = dict(re.findall(r"</span>(\w+)</td><td>([a-z ]+)</td><td>about five", page))
    assert rows == {
        "angry": "about eight",  # 0.81
        "disgust": "about seven",  # 0.71
        "fear": "about six",  # 0.64
        "happy": "nearly all",  # 0.96
        "sad": "about seven",  # 0.70
        "surprise": "about nine",  # 0.85 is rounded up
        "neutral": "hardly any",  # 0.04
    }
    assert page.count("few faces") == 1  # disgust's forty


def test_the_page_claims_nothing_that_is_unknown() -> None:
    bare = Lesson(taught().info.__class__("x", taught().info.started))
    words = read(bare, None).words
    assert "was not measured" in words
    assert "It was not confirmed" in words
    assert "Region" not in words and "Network" not in words
    assert "still running" in words


def test_hostile_names_and_notes_are_only_text() -> None:
    harmless, hostile = read(taught()), read(taught(HOSTILE))
    assert hostile.names == harmless.names
    assert "script" not in hostile.names and "img" not in hostile.names
    assert [name for name, _ in hostile.attributes if name.startswith("on")] == []
    assert HOSTILE in hostile.words.splitlines()


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_becomes_an_element(name: str, note: str) -> None:
    made, plain = new_lesson(name=f"a{name}"), new_lesson(name="a")
    for lesson, words in ((made, note), (plain, "b")):
        run(lesson, crowd(happy=1), range(3))
        lesson.mark("note", words, 1)
    assert read(made).names == read(plain).names


def test_the_page_loads_and_runs_nothing() -> None:
    page = to_html(taught(HOSTILE), TRUST)
    reader = PageParser(page)
    assert not {"script", "link", "img", "iframe", "object"} & set(reader.names)
    assert not {"src", "href", "srcset", "action"} & {name for name, _ in reader.attributes}
    assert "url(" not in page and "@import" not in page
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'; img-src data:") in (
        reader.attributes
    )


def test_an_exported_lesson_gives_the_same_page() -> None:
    made = taught()
    assert to_html(from_json(to_json(made)), TRUST) == to_html(made, TRUST)
