"""Where a HiveServer2 is and how it lets us in: the parts of GAMMAHUB_ENGINE_URL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

AUTHS = ("NONE", "NOSASL", "LDAP", "CUSTOM", "KERBEROS")
"""Values of ``hive.server2.authentication`` that can be spoken to."""

_TRUE = {"true": True, "1": True, "false": False, "0": False}
_DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_SETTING = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+")
_FORM = "hive://user@host:port/database or spark+hive://user@host:port/database"


class AddressError(ValueError):
    """The URL of an engine cannot be used; the sentence holds no secret."""


@dataclass(frozen=True, slots=True)
class Address:
    """A HiveServer2, as the operator names it."""

    host: str
    port: int
    database: str
    """The database that holds our tables."""
    user: str
    auth: str
    """One of :data:`AUTHS`."""
    password: str | None = field(default=None, repr=False)
    http_path: str | None = None
    """Path of the service over HTTP; None for the binary transport."""
    tls: bool = False
    verify: bool = True
    """False to take any certificate."""
    authorities: Path | None = None
    """File of the certificates to trust; None for those of the system."""
    service: str = "hive"
    """First part of the server's Kerberos principal."""
    settings: Mapping[str, str] = field(default_factory=dict)
    """Settings of each session, such as ``mapreduce.job.queuename``."""

    @property
    def spoken(self) -> str:
        """Host and port, for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def from_url(cls, url: str, password: str | None = None) -> Address:
        """The address that a URL tells.

        Its options follow a question mark: ``auth`` (NONE, NOSASL, LDAP, CUSTOM, KERBEROS), ``http_path``
        (``cliservice`` for most servers with HTTP transport), ``tls``, ``verify``, ``authorities``,
        ``service``; each other one that has a dot is a setting of every session.

        Parameters
        ----------
        url
            ``hive://user@host:port/database?option=value&...``
        password
            What LDAP and CUSTOM ask for; it does not belong into the URL.

        Raises
        ------
        AddressError
            Raised for a URL that is none, or an option that is not known.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise AddressError(f"The URL of the engine is none; it is {_FORM}.") from None
        if parts.password is not None:
            raise AddressError(
                "The URL of the engine holds a password, which logs would show; put it into "
                "GAMMAHUB_ENGINE_PASSWORD or into the file that GAMMAHUB_ENGINE_PASSWORD_FILE names."
            )
        if not host:
            raise AddressError(f'The URL of the engine, "{url}", has no host; it is {_FORM}.')
        database = parts.path.strip("/") or "gammahub"
        if not _DATABASE.fullmatch(database):
            raise AddressError(
                f'The database "{database}" of the engine is no name; it has letters, digits and _.'
            )
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        settings = {name: options.pop(name) for name in tuple(options) if _SETTING.fullmatch(name)}
        authorities = options.pop("authorities", None)
        address = cls(
            host=host,
            port=port or 10000,
            database=database.lower(),
            user=unquote(parts.username) if parts.username else "gammahub",
            auth=_auth(options.pop("auth", None), password),
            password=password,
            http_path=options.pop("http_path", None),
            tls=_switch(options, "tls", default=False),
            verify=_switch(options, "verify", default=True),
            authorities=Path(authorities) if authorities else None,
            service=options.pop("service", "hive"),
            settings=settings,
        )
        if options:
            raise AddressError(
                f'The URL of the engine has an unknown option "{next(iter(options))}"; known are auth, '
                "http_path, tls, verify, authorities, service, and settings, which have a dot in their names."
            )
        return address


def _auth(given: str | None, password: str | None) -> str:
    auth = (given or ("LDAP" if password is not None else "NONE")).upper()
    if auth not in AUTHS:
        raise AddressError(f'Unknown auth "{given}" in the URL of the engine; it is {", ".join(AUTHS)}.')
    if auth in ("LDAP", "CUSTOM") and password is None:
        raise AddressError(
            f"The engine wants auth={auth}, which has a password; put it into GAMMAHUB_ENGINE_PASSWORD or "
            "into the file that GAMMAHUB_ENGINE_PASSWORD_FILE names."
        )
    return auth


def _switch(options: dict[str, str], name: str, *, default: bool) -> bool:
    given = options.pop(name, None)
    if given is None:
        return default
    if given.lower() not in _TRUE:
        raise AddressError(f'Unknown {name} "{given}" in the URL of the engine; it is true or false.')
    return _TRUE[given.lower()]
