"""The charts' texts, which say no more of a face than can be known."""

import pytest

from fer.emotions import EMOTIONS
from fer.ui.charts import share_bars, share_text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0, "0 %"), (0.126, "13 %"), (0.99, "99 %"), (0.9901, "> 99 %"), (1.0, "> 99 %")],
)
def test_above_99_percent_no_number_is_shown(share: float, text: str) -> None:
    assert share_text(share) == text


def test_the_bars_have_the_shares_and_their_texts_in_the_order_of_the_emotions() -> None:
    shares = dict.fromkeys(EMOTIONS, 0.0) | {"sad": 0.9999, "neutral": 0.0001}
    (rows,) = share_bars(shares).to_dict()["datasets"].values()
    assert [row["share"] for row in rows] == [*shares.values()]
    assert [row["label"] for row in rows] == [
        "> 99 %" if name == "sad" else "0 %" for name in EMOTIONS
    ]
