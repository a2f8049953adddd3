"""What Hive and Spark behind a HiveServer2 do each in their way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import adql
from adql import Dialect


@dataclass(frozen=True, slots=True)
class Flavour:
    """A kind of HiveServer2."""

    name: str
    dialect: Dialect
    settings: Mapping[str, str]
    """Settings of each session."""
    temporary: str
    """A table of one session over a folder of Parquet, with ``{name}``, ``{columns}``, ``{location}``."""
    temporary_name: str
    """What such a table is called in queries, with ``{database}`` and ``{name}``, both quoted."""
    planning: float
    """Time for which a statement may still be planned [s]. To cancel it meanwhile would do harm: Spark
    interrupts the thread, which then leaves connections of its metastore behind, until there are no more."""


# A text ${env:PATH} in a query would else become the server's environment variable.
HIVE = Flavour(
    name="hive",
    dialect=adql.HIVE,
    settings={
        "hive.variable.substitute": "false",
        "hive.resultset.use.unique.column.names": "false",
        "hive.strict.checks.cartesian.product": "false",
    },
    temporary="CREATE TEMPORARY EXTERNAL TABLE {name} ({columns}) STORED AS PARQUET LOCATION {location}",
    temporary_name="{database}.{name}",
    planning=0.0,
)

SPARK = Flavour(
    name="spark",
    dialect=adql.SPARK,
    settings={
        "spark.sql.variable.substitute": "false",
        "spark.sql.session.timeZone": "UTC",
        # Else the driver collects the whole result before the first row leaves it.
        "spark.sql.thriftServer.incrementalCollect": "true",
    },
    temporary="CREATE TEMPORARY VIEW {name} ({columns}) USING parquet OPTIONS (path {location})",
    temporary_name="{name}",
    planning=5.0,
)

FLAVOURS = {"hive": HIVE, "spark+hive": SPARK}
"""Scheme of GAMMAHUB_ENGINE_URL -> who answers there."""


def session_settings(flavour: Flavour, more: Mapping[str, str]) -> dict[str, str]:
    """Settings as OpenSession takes them: with this prefix both Hive and Spark heed them."""
    return {f"set:hiveconf:{name}": value for name, value in {**more, **flavour.settings}.items()}
