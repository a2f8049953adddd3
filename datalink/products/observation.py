"""Observations as Gammapy has them, with responses that are read once and shared."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from datalink.products.errors import ObservationError
from datalink.products.inputs import AEFF, EDISP, EVENTS, GTI, RESPONSES, Hdu, ObservationFiles

if TYPE_CHECKING:
    from gammapy.data import Observation

REQUIRED = (EVENTS, AEFF, EDISP)
"""Without them there is neither a spectrum nor a map in units of flux."""


class Responses:
    """The responses that were read last, by their content.

    One file of responses often serves many observations (the 125 of FACT share one); Gammapy reads it for
    each of them, and several times, which takes near half of the time of a reduction.

    Parameters
    ----------
    size
        How many are kept.
    """

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[str, ...], Any] = OrderedDict()

    def get(self, hdu: Hdu) -> Any:
        """The response in that extension, an object of `gammapy.irf`; it is shared, so never change it."""
        key = hdu.identity
        if key not in self._kept:
            self._kept[key] = _load(hdu, hdu.hdu_class)
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]


def read_observation(files: ObservationFiles, responses: Responses) -> Observation:
    """Read an observation into memory.

    Parameters
    ----------
    files
        Its parts. Without good time intervals, those between TSTART and TSTOP of the events are taken.
    responses
        Those that are shared.

    Raises
    ------
    ObservationError
        Raised if a part that is needed is missing or cannot be read.
    """
    from gammapy.data import Observation  # noqa: PLC0415 - it takes seconds to import

    missing = [name for name in REQUIRED if files.find(name) is None]
    if missing:
        raise ObservationError(f"it has no {' and no '.join(missing)}")
    events_hdu, gti_hdu = files.find(EVENTS), files.find(GTI)
    assert events_hdu is not None  # REQUIRED holds it
    with _reading("events", events_hdu):
        events = _load(events_hdu, "events")
        pointing = _load(events_hdu, "pointing")
        meta = _meta(events.table.meta)
    if gti_hdu is None:
        gti = _whole(events)
    else:
        with _reading("good time intervals", gti_hdu):
            gti = _load(gti_hdu, "gti")
    found: dict[str, Any] = {}
    for hdu_type in RESPONSES:
        hdu = files.find(hdu_type)
        if hdu is not None:
            with _reading(hdu_type, hdu):
                found[hdu_type] = responses.get(hdu)
    return Observation(obs_id=files.obs_id, meta=meta, events=events, gti=gti, pointing=pointing, **found)


def _load(hdu: Hdu, hdu_class: str) -> Any:
    from gammapy.utils.fits import HDULocation  # noqa: PLC0415 - it takes seconds to import

    location = HDULocation(
        hdu_class=hdu_class,
        base_dir=str(hdu.path.parent),
        file_dir=".",
        file_name=hdu.path.name,
        hdu_name=hdu.name,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of units and keywords that are not quite what GADF says
        return location.load()


def _meta(header: Mapping[str, Any]) -> Any:
    """What the header of the events tells; the dead time of it is what exposures depend on."""
    from gammapy.data import ObservationMetaData  # noqa: PLC0415 - it takes seconds to import

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ObservationMetaData.from_header(header)
    except Exception as error:  # of any keyword that is not as GADF has it, such as a place or a name
        live = header.get("DEADC", 1.0)
        if not isinstance(live, int | float) or not 0 < live <= 1:
            raise ObservationError(f"its DEADC is {live!r}, not a fraction of time above 0") from error
        return ObservationMetaData(
            deadtime_fraction=1.0 - live,
            optional={key: header[key] for key in ("CREATOR", "HDUVERS") if key in header},
        )


def _whole(events: Any) -> Any:
    from gammapy import data  # noqa: PLC0415 - it takes seconds to import

    return data.GTI.create(events.observation_time_start, events.observation_time_stop)


@contextmanager
def _reading(what: str, hdu: Hdu) -> Iterator[None]:
    """Tell which part of an observation is at fault, whatever Gammapy or astropy makes of it."""
    try:
        if not hdu.path.is_file():
            raise ObservationError(f"its {what} are in {hdu.path.name}, which is no longer there")
        yield
    except ObservationError:
        raise
    except MemoryError:
        raise
    except Exception as error:
        raise ObservationError(f"its {what} cannot be read ({first_line(error)})") from error


def first_line(error: BaseException) -> str:
    """What an exception says, in one line, without the paths of this machine."""
    text = str(error).strip().partition("\n")[0]
    text = " ".join(part.rpartition("/")[2] if "/" in part[:2] else part for part in text.split())
    return f"{type(error).__name__}: {text}"[:200] if text else type(error).__name__


Stopped = Callable[[], bool]
"""Whether the product is no longer wanted."""
