"""The settings of the service, from the environment (GAMMAHUB_...) or given in code."""

from __future__ import annotations

import os
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ByteSize, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_home() -> Path:
    """The user's data folder for GammaHub, as the platform has it."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        # XDG Base Directory Specification: a relative path is to be ignored.
        given = Path(os.environ.get("XDG_DATA_HOME", ""))
        base = given if given.is_absolute() else Path.home() / ".local" / "share"
    return base / "gammahub"


def _processors() -> int:
    """Those that this process may use, which in a container may be fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_MiB = 2**20
_GiB = 2**30


class Config(BaseSettings):
    """What an operator can set; each field is the environment variable GAMMAHUB_<FIELD>."""

    model_config = SettingsConfigDict(
        env_prefix="GAMMAHUB_",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        use_attribute_docstrings=True,
    )

    home: Path = Field(default_factory=default_home)
    """Folder of all state: the lake, scratch space, later jobs."""
    dl3: Path | None = None
    """Folder of DL3 collections that fills an empty lake at the first start; else a simulated archive."""
    serve_restricted: bool = False
    """Serve the rows and files of collections whose licence forbids redistribution."""

    host: str = "127.0.0.1"
    """Address to listen at; 0.0.0.0 for all."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """TCP port to listen at."""
    base_url: str | None = None
    """Public URL of the service, such as https://example.org/gammahub; else taken from each request."""
    forwarded_allow_ips: str = "127.0.0.1"
    """Addresses of proxies whose X-Forwarded headers are believed; * for all."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged; debug shows the text of queries."""

    title: str = "GammaHub"
    """Title of the service, in its registry record and on its pages."""
    description: str = "Gamma-ray event lists (GADF DL3), observations and instrument responses."
    """What the service offers, in a sentence or more."""
    publisher: str = ""
    """Who publishes the service; results name them."""
    authority: str = "gammahub.invalid"
    """IVOA authority identifier of the publisher, the part of ivo://<authority>/ in identifiers."""
    hea_terms: Literal["rec", "draft"] = "rec"
    """Words for data products in ivoa.obscore: rec of ObsCore 1.1, draft of its high-energy extension."""
    contact_name: str = ""
    """Whom to ask."""
    contact_email: str | None = None
    """Where to write to."""

    engine_url: str = "duckdb:"
    """Engine that answers queries: duckdb: (embedded), hive://user@host:port/database or spark+hive://..."""
    engine_password: SecretStr | None = None
    """Password for the engine, where it asks for one."""
    engine_password_file: Path | None = None
    """File that holds the password for the engine."""
    engine_home_url: str | None = None
    """URL by which Hive or Spark finds home, such as hdfs://namenode/gammahub; else the same local folder."""
    engine_connections: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Queries that may run on Hive or Spark at a time, each on a connection of its own."""
    memory_limit: ByteSize = Field(default=ByteSize(2 * _GiB), ge=64 * _MiB)
    """Memory of the embedded engine, all queries together, such as 2GiB."""
    scratch_limit: ByteSize = Field(default=ByteSize(8 * _GiB), ge=0)
    """Disk space for sorts and groups that do not fit in memory, all queries together; 0 for none."""
    spool_limit: ByteSize = Field(default=ByteSize(8 * _GiB), ge=0)
    """Disk space for results whose rows are counted before they are sent (FITS), all queries together."""
    threads: Annotated[int, Field(ge=1, le=1024)] = Field(default_factory=_processors)
    """Threads of the embedded engine, all queries together."""
    light_slots: Annotated[int, Field(ge=1, le=1024)] = 8
    """Queries that read little and may run at a time."""
    heavy_slots: Annotated[int, Field(ge=1, le=1024)] = Field(
        default_factory=lambda: max(1, _processors() // 2)
    )
    """Queries that read much and may run at a time; each uses every thread, so that more gain nothing."""
    light_bytes: ByteSize = Field(default=ByteSize(64 * _MiB), ge=0)
    """A query that has at most these bytes of files to read is a light one."""
    light_seconds: Annotated[float, Field(gt=0)] = 1.0
    """Time after which a light query that works still counts as a heavy one [s]."""
    heavy_niceness: Annotated[int, Field(ge=0, le=19)] = 10
    """How much heavy queries yield to light ones: niceness of their threads, on Linux."""
    queue_length: Annotated[int, Field(ge=0)] = 64
    """Queries that may wait for a slot of either kind; more are told to come back later."""
    open_queries: Annotated[int, Field(ge=1)] = 256
    """Queries that may be open at a time: waiting, working or being sent."""

    default_maxrec: Annotated[int, Field(ge=1)] = 100_000
    """Rows of a result where the request has no MAXREC."""
    hard_maxrec: Annotated[int, Field(ge=1)] = 20_000_000
    """Most rows of a result, whatever MAXREC asks."""
    sync_timeout: Annotated[float, Field(gt=0)] = 60.0
    """Time the engine may work on a synchronous query, not counting what the client takes to read [s]."""
    transfer_timeout: Annotated[float, Field(gt=0)] = 3600.0
    """Time from the first to the last byte of a synchronous result, however slow the client reads [s]."""
    query_length: Annotated[int, Field(ge=100)] = 200_000
    """Most characters of a query."""
    request_timeout: Annotated[float, Field(gt=0)] = 300.0
    """Time in which the body of a request must have come, uploaded tables included [s]."""
    request_bytes: ByteSize = Field(default=ByteSize(8 * _MiB), ge=1024)
    """Most bytes of the body of a request, uploaded tables apart."""

    image_bytes: ByteSize = Field(default=ByteSize(4 * _GiB), ge=1024)
    """Most bytes of the images and pictures of observations that are kept once they were made."""

    upload_bytes: ByteSize = Field(default=ByteSize(128 * _MiB), ge=1024)
    """Most bytes of an uploaded table, uncompressed, and of all tables of a request as they are sent."""
    upload_rows: Annotated[int, Field(ge=1)] = 5_000_000
    """Most rows of an uploaded table."""
    upload_columns: Annotated[int, Field(ge=1, le=10_000)] = 1000
    """Most columns of an uploaded table."""
    upload_tables: Annotated[int, Field(ge=0)] = 16
    """Most uploaded tables of a request; 0 for no uploads."""
    upload_memory: ByteSize = Field(default=ByteSize(2 * _GiB), ge=1024)
    """Memory for the uploaded tables of all requests together."""
    upload_urls: bool = True
    """Fetch tables that UPLOAD names by an http or https URL."""
    upload_timeout: Annotated[float, Field(gt=0)] = 60.0
    """Time in which a table that is named by its URL must have come [s]."""
    upload_networks: str = ""
    """Networks that are not public and from which tables may be fetched, such as 10.1.0.0/16,192.168.7.5."""

    jobs_url: str | None = None
    """Database of the jobs, such as postgresql://user@host/name; else a SQLite file in home."""
    job_slots: Annotated[int, Field(ge=1, le=1024)] = 2
    """Jobs that each server process runs at a time."""
    job_queue: Annotated[int, Field(ge=1)] = 1000
    """Jobs that may wait for their run; more are told to come back later."""
    jobs_per_client: Annotated[int, Field(ge=1)] = 200
    """Jobs of one client that may wait, run or be prepared at a time."""
    async_timeout: Annotated[int, Field(ge=1)] = 600
    """Time that a job may run if its EXECUTIONDURATION is not set [s]."""
    hard_async_timeout: Annotated[int, Field(ge=1)] = 7200
    """Longest time that a job may run, whatever EXECUTIONDURATION asks [s]."""
    job_retention: Annotated[int, Field(ge=1)] = 7 * 86_400
    """Time from creation to destruction of a job and its results, if DESTRUCTION is not set [s]."""
    hard_job_retention: Annotated[int, Field(ge=1)] = 30 * 86_400
    """Longest time that a job is kept, whatever DESTRUCTION asks [s]."""
    job_wait: Annotated[float, Field(ge=0)] = 60.0
    """Longest time that a request with WAIT is kept waiting [s]."""
    job_lease: Annotated[float, Field(ge=1)] = 30.0
    """Time after which the jobs of a server process that gives no sign of life are begun anew [s]."""
    job_bytes: ByteSize = Field(default=ByteSize(8 * _GiB), ge=1024)
    """Most bytes of the results of one job."""
    jobs_bytes: ByteSize = Field(default=ByteSize(64 * _GiB), ge=1024)
    """Most bytes of the results and uploaded tables of all jobs together."""

    @field_validator("home", "dl3", "engine_password_file")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().absolute()

    @field_validator("base_url")
    @classmethod
    def _plain_url(cls, url: str | None) -> str | None:
        if url is None:
            return None
        if not url.startswith(("http://", "https://")):
            raise ValueError(f'"{url}" is not a URL; it begins with http:// or https://')
        return url.rstrip("/")

    @field_validator("forwarded_allow_ips")
    @classmethod
    def _addresses(cls, text: str) -> str:
        for name in text.split(","):
            if name.strip() not in ("", "*"):
                ip_network(name.strip(), strict=False)
        return text

    @field_validator("upload_networks")
    @classmethod
    def _networks(cls, text: str) -> str:
        for name in text.split(","):
            if name.strip():
                ip_network(name.strip(), strict=False)
        return text

    @property
    def own_url(self) -> str:
        """Where the service is, as far as the settings tell: what a request says of it counts more."""
        if self.base_url is not None:
            return self.base_url
        host = "localhost" if self.host in ("0.0.0.0", "::", "") else self.host  # noqa: S104 - compared
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def lake(self) -> Path:
        """Folder of the Parquet lake."""
        return self.home / "lake"

    @property
    def scratch(self) -> Path:
        """Folder for what the engine cannot hold in memory."""
        return self.home / "scratch"

    @property
    def state(self) -> Path:
        """Folder of what the service knows of its jobs."""
        return self.home / "state"

    @property
    def jobs(self) -> Path:
        """Folder of the results of jobs; processes that share jobs share it."""
        return self.home / "jobs"
