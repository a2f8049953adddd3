"""Pages for people: what this is, where it is, what it has; and the worked queries, for programs as well."""

from __future__ import annotations

from html import escape

from anyio import to_thread
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.config import Config
from app.dependencies import BaseUrlDependency, ServiceDependency
from app.errors import ServiceError
from app.formats import FORMATS
from app.services.holdings import Holding, list_holdings
from app.stylesheet import PAGE_HEADERS, STYLE
from vosi import examples_document, load_examples

router = APIRouter()

EXAMPLES_TYPE = "application/xhtml+xml"
"""DALI 1.1 section 2.3."""


@router.api_route("/", methods=["GET", "HEAD"])
async def front(service: ServiceDependency, base_url: BaseUrlDependency) -> Response:
    """The front page."""
    try:
        holdings = await to_thread.run_sync(list_holdings, service.queries)
    except ServiceError as error:
        page = render(service.config, base_url, f"<p>{escape(error.message)}</p>")
        return Response(page, 503, media_type="text/html", headers=PAGE_HEADERS)
    return Response(
        render(service.config, base_url, _table(holdings)), media_type="text/html", headers=PAGE_HEADERS
    )


@router.api_route("/tap", methods=["GET", "HEAD"])
async def tap(base_url: BaseUrlDependency) -> Response:
    """Who opens the address of the TAP service in a browser is shown what it is."""
    return RedirectResponse(f"{base_url}/", status_code=303)


@router.api_route("/tap/examples", methods=["GET", "HEAD"])
async def examples(service: ServiceDependency, base_url: BaseUrlDependency) -> Response:
    """Worked queries (DALI 1.1 section 2.3, TAP 1.1 section 2.4.3)."""
    page = examples_document(
        load_examples(), tap_url=f"{base_url}/tap", title=service.config.title, style=STYLE
    )
    return Response(page, media_type=EXAMPLES_TYPE, headers=PAGE_HEADERS)


def render(config: Config, base_url: str, data: str) -> str:
    """The front page as HTML.

    Parameters
    ----------
    config, base_url
        Texts of the operator and of the request, which are escaped here.
    data
        What is said of the data, in HTML.
    """
    url = escape(f"{base_url}/tap")
    formats = escape(", ".join(dict.fromkeys(format_.name.partition(",")[0] for format_ in FORMATS)))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(config.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<h1>{escape(config.title)}</h1>
<p class="soft">{escape(config.description)}</p>
<p>TAP service of the Virtual Observatory: <code>{url}</code></p>
<p><a href="{url}/tables">tables</a> · <a href="{url}/capabilities">capabilities</a> ·
<a href="{url}/availability">availability</a> · <a href="{url}/examples">worked queries</a></p>
<h2>Data</h2>
{data}
<h2>A first query</h2>
<pre>import pyvo

tap = pyvo.dal.TAPService("{url}")
events = tap.search('''
    SELECT TOP 1000 collection, obs_id, event_time, ra, dec, energy
    FROM dl3.events
    WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE(83.63, 22.01, 0.2))
    ''')
print(events.to_table())</pre>
<p>TOPCAT, STILTS and curl work as well:</p>
<pre>curl {url}/sync -d LANG=ADQL -d FORMAT=csv -d 'QUERY=SELECT * FROM dl3.collections'</pre>
<p>There are <a href="{url}/examples">more queries</a> to begin with. Long ones run as jobs
(<code>tap.run_async</code>), tables of your own can be sent with a query (<code>uploads=</code>), and
results come as {formats}.</p>
</body>
</html>
"""


def _table(holdings: tuple[Holding, ...]) -> str:
    if not holdings:
        return "<p>No data have been loaded yet: <code>gammahub ingest FOLDER</code> loads a DL3 release.</p>"
    rows = "\n".join(_row(holding) for holding in holdings)
    return f"""<div class="wide"><table>
<thead><tr><th>Collection</th><th>Title</th><th class="number">Observations</th><th class="number">Events</th>
<th>Licence</th></tr></thead>
<tbody>
{rows}
</tbody></table></div>"""


def _row(holding: Holding) -> str:
    title = holding.title or holding.facility or ""
    notes = " (simulated)" if holding.simulated == 1 and "simulated" not in title.lower() else ""
    closed = holding.rights not in (None, "public")
    licence = f"{holding.licence or 'not stated'}{'; descriptions only' if closed else ''}"
    return (
        f"<tr><td>{escape(holding.collection)}</td><td>{escape(title + notes)}</td>"
        f'<td class="number">{_count(holding.n_observations)}</td>'
        f'<td class="number">{_count(holding.n_events)}</td><td>{escape(licence)}</td></tr>'
    )


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}".replace(",", "\u202f")
