"""One name and one place for what was observed."""

from __future__ import annotations

from typing import Any

import pytest

from app.ingest.targets import Sighting, find_targets, is_name

CRAB = (83.6287, 22.0147)


def seen(name: str, position: tuple[float, float] | None = None, **more: Any) -> Sighting:
    ra, dec = position or (None, None)
    given: dict[str, Any] = {
        "collection": "a",
        "alias": "",
        "ra_pnt": None,
        "dec_pnt": None,
        "livetime": 10.0,
    }
    return Sighting(object=name, ra_obj=ra, dec_obj=dec, **{**given, **more})


def test_spellings_at_one_place_are_one_target() -> None:
    rows, names = find_targets(
        [
            seen("Crab", CRAB, collection="a"),
            seen("Crab", (83.63, 22.01), collection="b"),
            seen("CrabNebula", (83.6333, 22.0144), collection="c"),
        ]
    )
    (row,) = rows
    assert (row["target_name"], row["aliases"], row["target_observations"]) == ("Crab", "CrabNebula", 3)
    assert (row["n_collections"], row["target_livetime"]) == (3, 30.0)
    assert (row["target_ra"], row["target_dec"]) == pytest.approx(CRAB, abs=0.01)
    assert names == ["Crab"] * 3


def test_places_far_apart_are_two_targets_even_with_one_name() -> None:
    rows, names = find_targets([seen("Crab", CRAB), seen("Crab", CRAB), seen("Crab", (10.0, -5.0))])
    assert [row["target_name"] for row in rows] == ["Crab", "Crab (10.00-5.00)"]
    assert names == ["Crab", "Crab", "Crab (10.00-5.00)"]


def test_the_careful_name_of_an_index_is_preferred() -> None:
    msh = (228.6125, -59.2717)
    rows, _ = find_targets(
        [seen(name, msh, alias="MSH 15-52") for name in ("MSH 15-5-02", "MSH15-52", "custom")]
    )
    (row,) = rows
    assert (row["target_name"], row["aliases"]) == ("MSH 15-52", "MSH15-52; MSH 15-5-02")


def test_a_name_with_a_remark_is_not_the_first_choice() -> None:
    pks = (329.7169, -30.2256)
    rows, _ = find_targets([seen("PKS 2155-304", pks, alias="PKS 2155-304 (flare)")] * 3)
    assert rows[0]["target_name"] == "PKS 2155-304"


def test_a_name_without_a_place_joins_its_namesake_in_view() -> None:
    wobble = {"ra_pnt": 83.1, "dec_pnt": 21.6}
    rows, names = find_targets(
        [seen("Crab Nebula", CRAB), seen("crab", **wobble), seen("Crab", ra_pnt=10.0, dec_pnt=0.0)]
    )
    assert names[:2] == ["Crab Nebula"] * 2
    assert names[2] != "Crab Nebula"
    assert rows[0]["target_observations"] + rows[1]["target_observations"] == 3


def test_a_name_that_no_release_places_is_in_the_middle_of_its_pointings() -> None:
    # FACT's wobble positions around the Crab nebula.
    pointings = [(84.12915, 22.3994), (83.1375, 21.6281)]
    rows, names = find_targets([seen("Crab", ra_pnt=ra, dec_pnt=dec) for ra, dec in pointings])
    assert names == ["Crab", "Crab"]
    assert (rows[0]["target_ra"], rows[0]["target_dec"]) == pytest.approx(CRAB, abs=0.01)


def test_pointings_far_apart_place_nothing() -> None:
    rows, names = find_targets([seen("Mrk 421", ra_pnt=ra, dec_pnt=0.0) for ra in (10.0, 20.0, 200.0)])
    assert (rows, names) == ([], [None] * 3)


@pytest.mark.parametrize(
    "name", ["", "off", "Off data", "OFF_2", "none", "Unknown", "Galactic Plane Survey", "survey", "12"]
)
def test_words_for_nothing_are_no_targets(name: str) -> None:
    assert not is_name(name)
    rows, names = find_targets([seen(name, ra_pnt=1.0, dec_pnt=2.0)])
    assert (rows, names) == ([], [None])


def test_a_place_without_a_name_is_named_by_its_place() -> None:
    rows, names = find_targets([seen("", (83.633, 22.0145)), seen("off", (150.0, -30.5))])
    assert names == ["J0534+2200", None]
    assert [row["target_name"] for row in rows] == ["J0534+2200"]


def test_places_on_both_sides_of_ra_0_are_one() -> None:
    rows, _ = find_targets([seen("X", (359.95, 10.0)), seen("X", (0.05, 10.0))])
    assert len(rows) == 1
