import xml.etree.ElementTree as ElementTree

from fer.training.reports.curves import curves, legend_name

ROWS = [
    {"epoch": 1.0, "rate": 0.1, "fer2013_loss": 2.0, "val_fer2013_accuracy": None},
    {"epoch": 2.0, "rate": 0.05, "fer2013_loss": 1.5, "val_fer2013_accuracy": 0.4},
    {"epoch": 3.0, "rate": 0.0, "fer2013_loss": 1.2, "val_fer2013_accuracy": 0.5},
]
SVG = "{http://www.w3.org/2000/svg}"


def test_a_log_becomes_three_charts_that_stand_alone() -> None:
    tree = ElementTree.fromstring(curves(ROWS))
    charts = tree.findall(f"{SVG}svg")
    tops = [float(chart.attrib["y"]) for chart in charts]
    assert tops == [0, 320, 640]
    assert float(tree.attrib["height"]) == 3 * 320
    counts = [
        [len(line.attrib["points"].split()) for line in chart.iter(f"{SVG}polyline")]
        for chart in charts
    ]
    assert counts == [[2], [3], [3]]  # an epoch that did not look at PublicTest has no point


def test_a_run_without_epochs_draws_nothing_and_does_not_fail() -> None:
    tree = ElementTree.fromstring(curves([]))
    assert not [line for line in tree.iter(f"{SVG}polyline") if line.attrib["points"]]


def test_legend_names() -> None:
    assert legend_name("val_crowd_accuracy") == "PublicTest crowd"
    assert legend_name("crowd_categorical_accuracy") == "crowd"
