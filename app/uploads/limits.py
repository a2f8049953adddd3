"""How much a user may bring."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from app.config import Config


@dataclass(frozen=True, slots=True)
class UploadLimits:
    """What one request may bring, and from where."""

    nbytes: int = 128 * 2**20
    """Most bytes of a table, uncompressed."""
    rows: int = 5_000_000
    """Most rows of a table."""
    columns: int = 1000
    """Most columns of a table."""
    tables: int = 16
    """Most tables of a request."""
    urls: bool = True
    """Whether tables are fetched."""
    timeout: float = 60.0
    """Time in which a table must have been fetched [s]."""
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks from which tables may be fetched although they are not public."""

    @classmethod
    def of(cls, config: Config) -> UploadLimits:
        """The limits that the operator has set."""
        names = (name.strip() for name in config.upload_networks.split(","))
        return cls(
            nbytes=int(config.upload_bytes),
            rows=config.upload_rows,
            columns=config.upload_columns,
            tables=config.upload_tables,
            urls=config.upload_urls,
            timeout=config.upload_timeout,
            networks=tuple(ip_network(name, strict=False) for name in names if name),
        )
