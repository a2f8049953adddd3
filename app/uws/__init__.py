"""Universal Worker Service 1.1 (REC 2016-10-24): jobs that outlive their request and their server."""

from app.uws.documents import job_document, job_list_document, parameters_document, results_document
from app.uws.files import JobFiles
from app.uws.inputs import Incoming, Input
from app.uws.instant import format_instant
from app.uws.job import Failure, Job, JobLine, Result, Values
from app.uws.jobs import CONTROLS, Jobs, read_phase
from app.uws.phase import ACTIVE, Phase
from app.uws.presence import Presence
from app.uws.run import Run, Work
from app.uws.runner import ATTEMPTS, Limits, Runner
from app.uws.store import JobStore
from app.uws.terms import Client, Terms
from app.uws.watch import PhaseWatch

__all__ = [
    "ACTIVE",
    "ATTEMPTS",
    "CONTROLS",
    "Client",
    "Failure",
    "Incoming",
    "Input",
    "Job",
    "JobFiles",
    "JobLine",
    "JobStore",
    "Jobs",
    "Limits",
    "Phase",
    "PhaseWatch",
    "Presence",
    "Result",
    "Run",
    "Runner",
    "Terms",
    "Values",
    "Work",
    "format_instant",
    "job_document",
    "job_list_document",
    "parameters_document",
    "read_phase",
    "results_document",
]
