import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fer.errors import DataError, UsageError
from fer.training.compare import Comparison, chosen, is_finished
from fer.training.data.findings import Finding, write
from fer.training.recipe import Recipe
from fer.training.recipes import RECIPES
from fer.training.reports.comparison import differences, trained
from fer.training.run_folder import Run, RunOptions
from fer.training.trainer import Trainer
from fer.vision.classifier import Classifier
from tests.training.faces import drawings
from tests.training.forms import write_table

FAST = {"dense": 16, "stages": ((4,), (8,)), "dropouts": (0.0, 0.0)}
FIRST = replace(RECIPES["sequential-48"], options=FAST, batch=28)
MINUTES = 0.01  # for each network, so that no test waits long
SECOND = replace(RECIPES["sequential-75"], options=FAST, batch=28)


class Tool:
    """Returns fixed times per face and counts the networks that it was called with."""

    def __init__(self, breaks_at: int = 0) -> None:
        self.shown, self.breaks_at = 0, breaks_at

    def __call__(self, classifier: Classifier) -> tuple[float, float]:
        self.shown += 1
        if self.shown == self.breaks_at:
            raise KeyboardInterrupt
        return 2.0, 0.5


def comparison(data: Path, folder: Path, tool: Tool, said: list[str] | None = None) -> Comparison:
    say = [].append if said is None else said.append
    return Comparison(data, folder / "runs", folder / "out", MINUTES, tool, say)


def page_of(folder: Path) -> str:
    return (folder / "out" / "index.html").read_text()


def test_recipes_are_trained_measured_and_listed_side_by_side(
    small_set: Path, tmp_path: Path
) -> None:
    result = comparison(small_set, tmp_path, Tool()).make([FIRST, SECOND])
    assert json.loads((tmp_path / "out" / "compare.json").read_text()) == result
    assert result["missing"] == []
    assert [row["name"] for row in result["rows"]] == [FIRST.name, SECOND.name]
    for row in result["rows"]:
        assert (row["cpu_ms_1"], row["cpu_ms_50"]) == (2.0, 0.5)
        assert row["faces"] == 70
        assert 0 <= row["accuracy"] <= 1
        # 48 - 2 and pooled is 23, then 21 and 10: what the dense layer sees
        assert row["parameters"] == 9 * 4 + 4 + 9 * 4 * 8 + 8 + 10 * 10 * 8 * 16 + 16 + 16 * 7 + 7
        size = (tmp_path / "runs" / row["name"] / "export" / "emotion.onnx").stat().st_size
        assert row["megabytes"] == round(size / 1e6, 2)
    page = page_of(tmp_path)
    assert "51.6" in page
    assert "published on its own test split" in page


def test_more_seeds_give_a_mean_and_its_error(small_set: Path, tmp_path: Path) -> None:
    tool, short = Tool(), replace(FIRST, epochs=1)
    twice = replace(comparison(small_set, tmp_path, tool), seeds=2)
    (row,) = twice.make([short])["rows"]
    assert tool.shown == 2
    first, second = (
        Run(tmp_path / "runs" / name).config()["recipe"]["seed"]
        for name in (FIRST.name, f"{FIRST.name}-seed-2")
    )
    assert (first, second) == (1, 2)
    assert row["seeds"] == 2
    assert row["accuracy"] == pytest.approx(sum(row["accuracies"]) / 2)
    one, other = row["accuracies"]
    assert row["accuracy_deviation"] == pytest.approx(abs(one - other) / 2**0.5)
    assert " ± " in page_of(tmp_path)
    assert twice.make([short])["rows"] == [row]
    assert tool.shown == 2  # nothing is trained or measured again


def test_one_seed_has_no_error(small_set: Path, tmp_path: Path) -> None:
    (row,) = comparison(small_set, tmp_path, Tool()).make([replace(FIRST, epochs=1)])["rows"]
    assert row["accuracy_deviation"] is None
    assert " ± " not in page_of(tmp_path)
    with pytest.raises(UsageError, match="seeds"):
        replace(comparison(small_set, tmp_path, Tool()), seeds=0)


def test_a_run_cut_short_is_marked(small_set: Path, tmp_path: Path) -> None:
    endless = replace(FIRST, epochs=100_000, early_stopping=0)
    (row,) = comparison(small_set, tmp_path, Tool()).make([endless])["rows"]
    assert row["cut_short"]
    assert 0 < row["epochs"] < 100_000
    assert "cut short" in page_of(tmp_path)


def test_a_kill_in_the_middle_goes_on_where_it_was(small_set: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        comparison(small_set, tmp_path, Tool(breaks_at=2)).make([FIRST, SECOND])
    kept = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert [row["name"] for row in kept["rows"]] == [FIRST.name]
    assert kept["missing"] == [SECOND.name]
    assert f"Not there yet: {SECOND.name}" in page_of(tmp_path)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs").rglob("state.npz")}
    assert len(before) == 2

    again, said = Tool(), list[str]()
    result = comparison(small_set, tmp_path, again, said).make([FIRST, SECOND])
    assert result["missing"] == []
    assert again.shown == 1  # only what was not measured yet
    assert {path: path.stat().st_mtime_ns for path in before} == before  # nothing trained again
    assert result["rows"][0] == kept["rows"][0]


def test_a_run_whose_time_is_up_once_it_is_saved_is_finished(
    small_set: Path, tmp_path: Path
) -> None:
    run = tmp_path / FIRST.name

    def slow(line: str) -> None:
        if line.startswith("epoch"):
            time.sleep(60 * MINUTES)

    Trainer(FIRST, small_set, run, RunOptions(minutes=MINUTES), log=slow).train()
    kept = Run(run).progress()
    assert kept is not None
    assert kept[1] >= 60 * MINUTES
    assert is_finished(Run(run), FIRST.name)


def test_an_unfinished_run_is_finished(small_set: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / FIRST.name
    short = replace(FIRST, epochs=2)
    Trainer(short, small_set, run, log=[].append).one_epoch()
    assert not is_finished(Run(run), FIRST.name)
    (row,) = comparison(small_set, tmp_path, Tool()).make([FIRST])["rows"]
    assert row["epochs"] == 2  # as it was begun, not by the clock
    assert row["cut_short"]  # of 20 in the report
    assert is_finished(Run(run), FIRST.name)


def test_a_cleaned_run_goes_on_cleaned_and_is_marked(small_set: Path, tmp_path: Path) -> None:
    findings = tmp_path / "findings.csv"
    write(findings, [Finding("training", row, "faceless", "drop") for row in range(40)])
    run = tmp_path / "runs" / FIRST.name
    short = replace(FIRST, epochs=2)
    Trainer(short, small_set, run, RunOptions(clean=findings), log=[].append).one_epoch()
    before = Run(run).config()["faces"]
    (row,) = comparison(small_set, tmp_path, Tool()).make([FIRST])["rows"]
    assert Run(run).config()["faces"] == before
    assert before["trained_on"] + before["held_out"] == 140 - 40
    assert row["cleaned_by"] == str(findings)
    assert "here on cleaned faces" in page_of(tmp_path)


def test_a_run_of_another_recipe_is_not_taken_for_this_one(small_set: Path, tmp_path: Path) -> None:
    Trainer(SECOND, small_set, tmp_path / "runs" / FIRST.name, log=[].append).one_epoch()
    with pytest.raises(UsageError, match="holds a run of sequential-75, not of sequential-48"):
        comparison(small_set, tmp_path, Tool()).make([FIRST])


def test_private_test_is_never_read(small_set: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for file in small_set.iterdir():
        (data / file.name).write_bytes(file.read_bytes())
    for name in ("private_test.csv", "private_test.webp"):
        (data / name).write_text("whoever reads this fails")
    result = comparison(data, tmp_path, Tool()).make([FIRST])
    assert result["split"] == "public_test"
    assert "fault" not in result["rows"][0]


def test_a_recipe_that_the_data_is_not_for_leaves_the_others_alone(tmp_path: Path) -> None:
    parts = [drawings(140, 0, "training"), drawings(70, 1, "public_test")]
    data = write_table(tmp_path / "data", parts).parent  # a table alone, without FER+'s votes
    first, second = comparison(data, tmp_path, Tool()).make([RECIPES["ours"], FIRST])["rows"]
    assert "learns from FER+ votes" in first["fault"]
    assert "accuracy" in second
    assert "Could not be trained" in page_of(tmp_path)


def test_where_no_recipe_can_be_trained_that_is_the_answer(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        comparison(tmp_path / "nowhere", tmp_path, Tool()).make([FIRST, SECOND])


@pytest.mark.long
def test_weights_that_cannot_be_fetched_leave_the_others_alone(
    small_set: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if [*(Path.home() / ".keras" / "models").glob("mobilenet_v2*")]:
        pytest.skip("the weights were fetched before")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # nobody listens there
    mobile = replace(RECIPES["mobilenet-v2-224"], options={"weights": "imagenet"})
    began = time.monotonic()
    first, second = comparison(small_set, tmp_path, Tool()).make([mobile, FIRST])["rows"]
    assert time.monotonic() - began < 60
    assert "imagenet weights cannot be had" in first["fault"]
    assert "--weights none" in first["fault"]
    assert "\n" not in first["fault"]
    assert "accuracy" in second
    page = page_of(tmp_path)
    assert "Could not be trained" in page


def test_all_means_every_report_and_ours_but_not_the_gpus() -> None:
    names = [recipe.name for recipe in chosen("all")]
    assert names[0] == "ours"
    assert "ours-long" not in names
    assert len(names) == 7
    assert [recipe.name for recipe in chosen("resnet34, ours")] == ["resnet34", "ours"]
    with pytest.raises(UsageError, match="no recipe is called 'best'"):
        chosen("ours,best")


def told(recipe: Recipe, **more: object) -> dict[str, object]:
    row = {"cut_short": False, "weights_left_out": False, "cleaned_by": None, "published": None}
    return (
        row | {"name": recipe.name, "minutes": 3.0, "epochs": 4, "epochs_of_the_recipe": 20} | more
    )


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({}, "–"),
        ({"cut_short": True}, "here cut short"),
        ({"weights_left_out": True}, "here without the weights it should begin with"),
        ({"cleaned_by": "a.csv"}, "here on cleaned faces"),
        (
            {"published": {"accuracy": 0.8, "on": "its test", "differs": "x"}},
            "published on its test",
        ),
    ],
)
def test_differences_from_a_published_figure_are_listed(more: dict[str, object], says: str) -> None:
    assert differences(told(FIRST, **more)).startswith(says)


def test_the_epochs_are_shown_beside_those_of_the_report() -> None:
    assert trained(told(FIRST)) == "3.0 min, 4 of 20 epochs"
    assert trained(told(FIRST, cut_short=True)).endswith(": cut short")
