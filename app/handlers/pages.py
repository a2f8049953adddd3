"""The front page: what this is, where it is, what it has, and a first query."""

from __future__ import annotations

import base64
import hashlib
from html import escape

from anyio import to_thread
from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from app.config import Config
from app.dependencies import BaseUrlDependency, ServiceDependency
from app.errors import ServiceError
from app.services.holdings import Holding, list_holdings

router = APIRouter()

_STYLE = """
:root { color-scheme: light dark; --ink: #1b2330; --soft: #5b6678; --line: #d9dee7; --paper: #fff;
        --code: #f4f6fa; --link: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf2; --soft: #9aa6b8; --line: #2c3545; --paper: #12171f; --code: #1a212c;
          --link: #7db8f2; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 3rem 1.25rem; color: var(--ink); background: var(--paper);
       font: 1rem/1.55 system-ui, sans-serif; }
h1 { font-size: 1.9rem; margin: 0 0 .25rem; letter-spacing: -.01em; }
h2 { font-size: 1.15rem; margin: 2.25rem 0 .5rem; }
p { margin: .4rem 0; }
.soft { color: var(--soft); }
a { color: var(--link); }
code, pre { font: .9rem/1.5 ui-monospace, monospace; background: var(--code); border-radius: .3rem; }
code { padding: .1rem .35rem; }
pre { padding: .9rem 1rem; overflow-x: auto; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .93rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem .45rem 0;
         border-bottom: 1px solid var(--line); }
th { font-weight: 600; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
"""
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}


@router.api_route("/", methods=["GET", "HEAD"])
async def front(service: ServiceDependency, base_url: BaseUrlDependency) -> Response:
    """The front page."""
    try:
        holdings = await to_thread.run_sync(list_holdings, service.queries)
    except ServiceError as error:
        page = render(service.config, base_url, f"<p>{escape(error.message)}</p>")
        return Response(page, 503, media_type="text/html", headers=HEADERS)
    return Response(
        render(service.config, base_url, _table(holdings)), media_type="text/html", headers=HEADERS
    )


@router.api_route("/tap", methods=["GET", "HEAD"])
async def tap(base_url: BaseUrlDependency) -> Response:
    """Who opens the address of the TAP service in a browser is shown what it is."""
    return RedirectResponse(f"{base_url}/", status_code=303)


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
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(config.title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{escape(config.title)}</h1>
<p class="soft">{escape(config.description)}</p>
<p>TAP service of the Virtual Observatory: <code>{url}</code></p>
<p><a href="{url}/tables">tables</a> · <a href="{url}/capabilities">capabilities</a> ·
<a href="{url}/availability">availability</a></p>
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
