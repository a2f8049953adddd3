"""Instrument columns of many releases in one table."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from astropy.io.votable.ucd import check_ucd

from adql import Column, ColumnType
from app.ingest.columns import _GADF, EventColumns, legal_name
from app.ingest.table import TableColumn
from vosi import load_catalogue, taken_names


def column(name: str, code: str = "E", *, repeat: int = 1, unit: str = "", comment: str = "") -> TableColumn:
    return TableColumn(name, 1, code, repeat, 0, 4, unit, comment)


def names(registry: EventColumns, *sources: TableColumn, collection: str = "one") -> list[str]:
    places, _, _ = registry.assign(sources, {}, collection)
    return [place.name for place in places]


def types(columns: Iterable[Column]) -> dict[str, str]:
    return {column.name: str(column.type) for column in columns}


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("DETX", "detx"),
        ("Hil MSW", "hil_msw"),
        ("2D_LIKE", "event_2d_like"),
        ("__x__", "x"),
        ("LIVETIME", "event_livetime"),
        ("OBS_ID", "event_obs_id"),
        ("size", "event_size"),
        ("ra", "event_ra"),
        ("Énergie", "energie"),
        ("\u03b8\u00b2", "event_2"),
        ("?", "event_column"),
    ],
)
def test_names_can_be_written_in_a_query(written: str, name: str) -> None:
    assert legal_name(written) == name


def test_every_name_is_taken_by_the_catalogue() -> None:
    registry = EventColumns(())
    odd = [
        column(text)
        for text in (*sorted(taken_names()), "É", "a-b", "a b", "", "x" * 200, "1", "ORDER", "θ²")
    ]
    names(registry, *odd)
    load_catalogue(registry.columns)


def test_namesakes_of_one_file_are_told_apart() -> None:
    assert names(EventColumns(()), column("GAMMANESS"), column("Gammaness"), column("gammaness")) == [
        "gammaness",
        "gammaness_2",
        "gammaness_3",
    ]


def test_the_same_column_of_two_releases_is_one() -> None:
    registry = EventColumns(())
    assert names(registry, column("DETX", unit="deg")) == names(
        registry, column("detx", unit="deg"), collection="two"
    )


@pytest.mark.parametrize(
    ("first", "second", "wide"),
    [
        ("I", "J", "int"),
        ("B", "K", "long"),
        ("I", "E", "float"),
        ("J", "E", "double"),
        ("E", "K", "double"),
        ("E", "D", "double"),
        ("E", "E", "float"),
    ],
)
def test_types_widen_to_hold_both(first: str, second: str, wide: str) -> None:
    registry = EventColumns(())
    assert names(registry, column("X", first)) == names(registry, column("X", second))
    assert types(registry.columns) == {"x": wide}


@pytest.mark.parametrize(
    ("first", "second"), [(column("X"), column("X", "A", repeat=5)), (column("X"), column("X", repeat=3))]
)
def test_values_of_another_kind_get_another_name(first: TableColumn, second: TableColumn) -> None:
    registry = EventColumns(())
    assert names(registry, first) == ["x"]
    assert names(registry, second, collection="two") == ["x_2"]
    assert names(registry, first) == ["x"]


def test_lists_of_other_lengths_share_a_column() -> None:
    registry = EventColumns(())
    assert names(registry, column("V", repeat=3)) == names(registry, column("V", repeat=4)) == ["v"]
    assert types(registry.columns) == {"v": "float(*)"}


def test_units_are_turned_into_the_first_one() -> None:
    registry = EventColumns(())
    names(registry, column("HMAX", unit="m"))
    places, _, _ = registry.assign([column("HMAX", unit="km")], {}, "two")
    assert (places[0].name, places[0].factor) == ("hmax", 1000.0)
    assert types(registry.columns) == {"hmax": "double"}


def test_units_of_another_quantity_make_another_column() -> None:
    registry = EventColumns(())
    assert names(registry, column("WIDTH", unit="deg")) == ["width"]
    assert names(registry, column("WIDTH", unit="m")) == ["width_2"]


def test_a_unit_that_is_none_is_left_out_and_told() -> None:
    registry = EventColumns(())
    _, _, remarks = registry.assign([column("XMAX", unit="radiation lengths")], {}, "one")
    assert "radiation lengths" in remarks[0]
    assert registry.columns[0].unit is None


def test_columns_that_are_there_keep_their_places_and_names() -> None:
    before = (Column("b", ColumnType("float")), Column("a", ColumnType("int")))
    registry = EventColumns(before)
    names(registry, column("A", "J"), column("C"))
    assert [column.name for column in registry.columns] == ["b", "a", "c"]


def test_descriptions_come_from_the_file_or_from_gadf() -> None:
    registry = EventColumns(())
    names(
        registry, column("GAMMANESS", comment="how much like a gamma"), column("MULTIP", "I"), column("ODD")
    )
    told = {column.name: column.description for column in registry.columns}
    assert told == {
        "gammaness": "how much like a gamma (GAMMANESS)",
        "multip": "Number of telescopes that have seen the event (MULTIP)",
        "odd": "ODD of the event lists, first met in one",
    }


def test_comments_that_say_nothing_are_no_descriptions() -> None:
    registry = EventColumns(())
    names(registry, column("MULTIP", "I", comment="label for field   6"))
    assert registry.columns[0].description == "Number of telescopes that have seen the event (MULTIP)"


def test_ucds_are_in_the_vocabulary() -> None:
    for _, ucd in _GADF.values():
        assert ucd is None or check_ucd(ucd, check_controlled_vocabulary=True)
