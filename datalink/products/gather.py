"""Many observations reduced: side by side where there are processes, and each once only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from datalink.products.errors import ObservationError
from datalink.products.inputs import ObservationFiles
from datalink.products.observation import Responses
from datalink.products.reduce import Reduced, reduce_observation
from datalink.products.settings import Reduction
from datalink.products.stored import ReducedStore
from datalink.products.twice import repeated
from datalink.products.watch import Watch, go_on

if TYPE_CHECKING:
    from gammapy.datasets import SpectrumDatasetOnOff

_LOOK = 0.2
"""Time between two looks whether the product is still wanted [s]."""
_SHARED = Responses()
"""Of this process: one that reduces observation after observation keeps what it has read."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """With what observations are reduced."""

    store: ReducedStore
    """Where those are kept that were reduced before."""
    executor: Executor | None = None
    """Processes that reduce side by side; None to do it here."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one observation."""

    files: ObservationFiles
    reason: str = ""
    """Why it was left out; empty if it was not."""
    radius: float = 0.0
    """Radius of its on region [deg]."""
    n_on: int = 0
    """Events in the on region, of all energies."""
    n_off: int = 0
    """Events in the off regions."""
    alpha: float = 0.0
    """Ratio of the exposures of on and off regions."""
    livetime: float = 0.0
    """[s]"""
    longitude: float = 0.0
    """Of the telescope, east positive; 0 where it is not known [deg]."""

    @property
    def used(self) -> bool:
        """Whether it is part of the product."""
        return not self.reason


@dataclass(frozen=True, slots=True)
class Gathered:
    """Reduced observations, and what became of each that was asked for."""

    datasets: tuple[SpectrumDatasetOnOff, ...] = ()
    outcomes: tuple[Outcome, ...] = ()
    reduction: Reduction | None = None
    """How they were reduced."""

    @property
    def used(self) -> tuple[Outcome, ...]:
        """Those that are part of the product, in the order of ``datasets``."""
        return tuple(outcome for outcome in self.outcomes if outcome.used)

    @property
    def collections(self) -> tuple[str, ...]:
        """Where they come from, in the order of their first observation."""
        return tuple(dict.fromkeys(outcome.files.collection for outcome in self.used))

    def reduction_within(self, start: float, stop: float) -> Reduction:
        """The same reduction of a part of the time [MJD, UTC]."""
        assert self.reduction is not None
        return replace(self.reduction, time=(start, stop))

    @property
    def radius(self) -> float:
        """Median radius of the on regions [deg]."""
        return median(outcome.radius for outcome in self.used)


def gather(
    observations: Sequence[ObservationFiles], reduction: Reduction, workshop: Workshop, watch: Watch
) -> Gathered:
    """Reduce observations; one that cannot be used is left out and named.

    Raises
    ------
    ProductStopped
        Raised as soon as nobody wants the product any more.
    """
    found: dict[int, Reduced | str] = {
        number: f"it is the same run as {other.name}" for number, other in repeated(observations).items()
    }
    missing: list[int] = []
    for number, files in enumerate(observations):
        if number in found:
            continue
        kept = _kept(files, reduction, workshop.store)
        if kept is None:
            missing.append(number)
        else:
            found[number] = kept
    watch.progress("reduce", len(found), len(observations))
    for number, reason in _reduce(observations, missing, reduction, workshop, watch):
        found[number] = reason or _kept(observations[number], reduction, workshop.store) or "it vanished"
        watch.progress("reduce", len(found), len(observations))
    workshop.store.sweep()
    outcomes = tuple(_outcome(files, found[number]) for number, files in enumerate(observations))
    datasets = tuple(reduced.dataset for _, reduced in sorted(found.items()) if not isinstance(reduced, str))
    return Gathered(datasets, outcomes, reduction)


def reduce_into(store: ReducedStore, files: ObservationFiles, reduction: Reduction) -> str:
    """Reduce one observation and keep what comes of it.

    It depends on its arguments alone, so that any process on any machine may do it.

    Returns
    -------
    reason : str
        Why the observation cannot be used; empty if it can.
    """
    try:
        reduced = reduce_observation(files, reduction, _SHARED)
        store.put(_key(files, reduction), reduced)
    except ObservationError as error:
        return str(error)
    return ""


def _reduce(
    observations: Sequence[ObservationFiles],
    numbers: Sequence[int],
    reduction: Reduction,
    workshop: Workshop,
    watch: Watch,
) -> Iterator[tuple[int, str]]:
    """Number of each observation and why it cannot be used, as they come."""
    if workshop.executor is None:
        for number in numbers:
            go_on(watch)
            yield number, reduce_into(workshop.store, observations[number], reduction)
        return
    running: dict[Future[str], int] = {
        workshop.executor.submit(reduce_into, workshop.store, observations[number], reduction): number
        for number in numbers
    }
    try:
        while running:
            go_on(watch)
            done, _ = wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED)
            for future in done:
                yield running.pop(future), future.result()
    finally:
        for future in running:
            future.cancel()


def _kept(files: ObservationFiles, reduction: Reduction, store: ReducedStore) -> Reduced | None:
    try:
        return store.get(_key(files, reduction))
    except OSError:  # of a part that is not there; the reduction will tell
        return None


def _key(files: ObservationFiles, reduction: Reduction) -> str:
    from gammapy import __version__  # noqa: PLC0415 - it takes seconds to import

    return reduction.key(files.name, files.identity, __version__)


def _outcome(files: ObservationFiles, found: Reduced | str) -> Outcome:
    if isinstance(found, str):
        return Outcome(files, reason=found)
    facts = found.dataset.info_dict()
    n_off = int(found.dataset.counts_off.data.sum())
    acceptance = float(found.dataset.acceptance.data.max())
    acceptance_off = float(found.dataset.acceptance_off.data.max())
    return Outcome(
        files,
        radius=found.radius,
        n_on=int(found.dataset.counts.data.sum()),
        n_off=n_off,
        alpha=acceptance / acceptance_off if acceptance_off else 0.0,
        livetime=float(facts["livetime"].to_value("s")),
        longitude=found.longitude,
    )
