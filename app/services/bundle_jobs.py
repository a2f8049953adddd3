"""Bundles as jobs: what is done for a job of kind ``bundle``."""

from __future__ import annotations

from app.services.bundle_request import read_bundle_request
from app.services.bundles import Bundles
from app.services.jobs import RESULT
from app.services.parameters import Parameters
from app.uws import Run

BUNDLE = "bundle"
"""Kind of the jobs that make bundles."""


class BundleWork:
    """Makes the bundle of a job; see :class:`app.uws.Work`.

    Parameters
    ----------
    bundles
        Who makes it.
    """

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles

    def __call__(self, run: Run) -> None:
        """Do it."""
        run.step("plan")
        values: dict[str, tuple[str, ...]] = {}
        for name, value in run.job.parameters:
            values[name.upper()] = (*values.get(name.upper(), ()), value)
        request = read_bundle_request(Parameters(values))
        chunks = self._bundles.stream(request, timeout=float(run.job.duration))
        with run.result(
            RESULT, media_type=request.media_type, extension=request.extension, headers=dict
        ) as file:
            run.step("write")
            for chunk in chunks:
                file.write(chunk)
            run.step("store")
