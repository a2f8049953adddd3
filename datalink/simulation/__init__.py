"""A small archive of simulated DL3 data, made with Gammapy, to try every feature with no download.

Importing this package imports Gammapy, which takes seconds: import it where it is used.
"""

from datalink.simulation.archive import COLLECTIONS, DEFAULT_SEED, SimulatedCollection, simulate_archive

__all__ = ["COLLECTIONS", "DEFAULT_SEED", "SimulatedCollection", "simulate_archive"]
