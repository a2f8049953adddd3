"""The VOSI availability document: whether the service works."""

from __future__ import annotations

from datetime import UTC, datetime

from vo_models.vosi.availability.models import Availability

from vosi.text import xml_text


def availability_document(*, available: bool, up_since: datetime | None = None, note: str = "") -> bytes:
    """The ``vosi:availability`` of a service, in UTF-8 (VOSI 1.1 section 2.2).

    Parameters
    ----------
    available
        Whether queries are answered.
    up_since
        When the service last became available; with a time zone.
    note
        A sentence for people, such as why it is not available.

    Raises
    ------
    ValueError
        Raised if ``up_since`` has no time zone.
    """
    if up_since is not None and up_since.tzinfo is None:
        raise ValueError(f"up_since is {up_since.isoformat()}, without a time zone; one in UTC is right")
    model = Availability(
        available=available,
        # The model reads the clock of any time zone as that of UTC.
        up_since=None if up_since is None else up_since.astimezone(UTC),
        note=[xml_text(note)] if note else [],
    )
    document = model.to_xml(skip_empty=True, encoding="UTF-8", xml_declaration=True)
    return document.encode() if isinstance(document, str) else document
