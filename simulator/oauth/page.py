"""The consent page and the page of refused requests."""

from __future__ import annotations

from html import escape

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;background:#f4f5f8;color:#21262a;margin:0}
main{max-width:28rem;margin:10vh auto;background:#fff;border:1px solid #d4d7dc;border-radius:8px;
padding:2rem}
h1{font-size:1.25rem;margin:0 0 1rem}p{margin:0 0 1rem}
label{display:block;font-weight:600;margin-bottom:.25rem}
select{font:inherit;width:100%;padding:.5rem;border:1px solid #8d9096;border-radius:4px;
margin-bottom:1.5rem;background:#fff}
.row{display:flex;gap:.75rem;justify-content:flex-end}
button{font:inherit;font-weight:600;padding:.5rem 1.25rem;border-radius:4px;cursor:pointer;
border:1px solid #2ca01c;background:#2ca01c;color:#fff}
button.quiet{background:#fff;color:#393a3d;border-color:#8d9096}
small{color:#6b6c72}
"""


def _page(title: str, inner: str) -> bytes:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main>{inner}</main></body></html>\n"
    ).encode()


def consent_page(companies: list[tuple[str, str]], request: dict[str, str]) -> bytes:
    """Ask which company to connect; *companies* are pairs of realm id and name."""
    hidden = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
        for name, value in request.items()
    )
    options = "".join(
        f'<option value="{escape(realm)}">{escape(name)} ({escape(realm)})</option>'
        for realm, name in companies
    )
    return _page(
        "Connect to QuickBooks (simulator)",
        "<h1>Connect an app to your company</h1>"
        f"<p>The app <b>{escape(request.get('client_id', ''))}</b> asks to read and write the "
        "accounting data of the company that you choose.</p>"
        f'<form method="post" action="/connect/oauth2">{hidden}'
        '<label for="realm">Company</label>'
        f'<select id="realm" name="realm_id">{options}</select>'
        '<div class="row"><button class="quiet" name="decision" value="cancel">Cancel</button>'
        '<button name="decision" value="connect">Connect</button></div></form>'
        "<p><small>This is a simulator. No Intuit account is involved.</small></p>",
    )


def refusal_page(reason: str) -> bytes:
    """What the person sees when the app's request cannot be answered by a redirect."""
    return _page(
        "Sorry, but something went wrong",
        "<h1>Sorry, but the app didn't connect</h1>"
        f"<p>{escape(reason)}</p><p><small>This is a simulator.</small></p>",
    )
