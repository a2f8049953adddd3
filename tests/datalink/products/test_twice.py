"""A run that two releases hold is counted once."""

from __future__ import annotations

from pathlib import Path

from datalink.products.inputs import Hdu, ObservationFiles
from datalink.products.twice import repeated


def run(collection: str, start: float, stop: float, *types: str, telescope: str = "HESS") -> ObservationFiles:
    hdus = tuple(Hdu(each, each, Path(each), each) for each in types)
    return ObservationFiles(collection, 1, "", hdus, telescope=telescope, start=start, stop=stop)


def test_the_one_with_most_responses_stays() -> None:
    poor, rich = run("a", 100.0, 100.02, "events"), run("b", 100.0001, 100.0201, "events", "bkg")
    assert repeated([poor, rich]) == {0: rich}


def test_runs_that_only_touch_are_two() -> None:
    assert repeated([run("a", 100.0, 100.02), run("b", 100.015, 100.04)]) == {}


def test_other_telescopes_and_lists_of_one_release_are_not_the_same() -> None:
    both = [run("a", 100.0, 100.02), run("b", 100.0, 100.02, telescope="MAGIC"), run("a", 100.0, 100.02)]
    assert repeated(both) == {}


def test_nothing_is_known_without_times_or_telescope() -> None:
    assert repeated([run("a", 0.0, 0.0), run("b", 0.0, 0.0)]) == {}
    assert repeated([run("a", 1.0, 2.0, telescope=""), run("b", 1.0, 2.0, telescope="")]) == {}
