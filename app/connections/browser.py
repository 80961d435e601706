"""HTTP for the merchant's browser: the connect page, the callback, the disconnected page."""

import re
import secrets
from typing import Annotated

import structlog
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from app.accounting.errors import ProviderError
from app.connections.consent import SECRET, Consent, ConsentAnswer
from app.connections.errors import PageGone, StrangeCallback
from app.kit.pages import from_elsewhere, render

COOKIE = "lw_connect"
COOKIE_SECONDS = 3600
DIGITS = re.compile(r"[0-9]{1,32}")
KNOWN_PARAMETERS = {"state": 128, "code": 4096, "realmId": 64, "error": 200}

log = structlog.get_logger(__name__)

router = APIRouter(include_in_schema=False)


@router.get("/v1/connect/{page_token}")
async def connect_page(request: Request, page_token: str) -> Response:
    """Show who will get access. Changes nothing, so it may be opened again."""
    browser = _browser(request) or secrets.token_urlsafe(32)
    try:
        view = await Consent.of(request.app.state).page(page_token, browser)
    except PageGone:
        return _page(request, "gone.html", status=410)
    except ProviderError as lost:
        log.warning("consent_page_unknown", error=type(lost).__name__)
        return _page(request, "later.html", status=503)
    page = render(
        "app.connections",
        "connect.html",
        public_url=request.app.state.public_url,
        form_targets=view.form_targets,
        values={"view": view},
    )
    _set_browser(request, page, browser)
    return page


@router.post("/v1/connect/{page_token}")
async def leave_for_consent(
    request: Request, page_token: str, form: Annotated[str, Form(max_length=200)] = ""
) -> Response:
    """Send the browser on, if the click was made on our page in this browser."""
    browser = _browser(request)
    if browser is None or from_elsewhere(request):
        return _page(request, "cookies.html", status=400)
    try:
        url = await Consent.of(request.app.state).leave(page_token, browser, form)
    except PageGone:
        return _page(request, "gone.html", status=410)
    except ProviderError as lost:
        log.warning("consent_page_unknown", error=type(lost).__name__)
        return _page(request, "later.html", status=503)
    return _leave(url, status=303)


@router.get("/v1/oauth/quickbooks/callback")
async def callback(request: Request) -> Response:
    """Take QuickBooks' answer and send the browser back to the billing system."""
    answer = _answer(request)
    if answer is None:
        return _page(request, "strange.html", status=400)
    try:
        landing = await Consent.of(request.app.state).finish(answer, _browser(request))
    except StrangeCallback:
        return _page(request, "strange.html", status=400)
    return _leave(landing.url, status=302)


@router.get("/v1/quickbooks/disconnected")
async def disconnected_page(request: Request, realmId: str = "") -> Response:  # noqa: N803 - Intuit's name
    """Explain to a merchant who pressed Disconnect inside QuickBooks. Changes nothing."""
    company = realmId if DIGITS.fullmatch(realmId) else ""
    return _page(request, "disconnected.html", company=company)


def _answer(request: Request) -> ConsentAnswer | None:
    """Return the callback's parameters, or None if one is missing, doubled or far too long."""
    found: dict[str, str] = {}
    for name, longest in KNOWN_PARAMETERS.items():
        values = request.query_params.getlist(name)
        if len(values) > 1 or any(len(value) > longest for value in values):
            return None
        found[name] = values[0] if values else ""
    return ConsentAnswer(
        state=found["state"],
        code=found["code"],
        realm_id=found["realmId"],
        error=found["error"],
    )


def _page(request: Request, template: str, *, status: int = 200, company: str = "") -> Response:
    return render(
        "app.connections",
        template,
        public_url=request.app.state.public_url,
        status=status,
        values={"company": company},
    )


def _leave(url: str, *, status: int) -> Response:
    """Redirect with nothing in the body and nothing told about where the browser was."""
    response = RedirectResponse(url, status_code=status)
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _secure(request: Request) -> bool:
    public_url: str = request.app.state.public_url
    return public_url.startswith("https://")


def _cookie_name(request: Request) -> str:
    """The prefix makes browsers refuse a cookie that another host or plain http has planted."""
    return f"__Host-{COOKIE}" if _secure(request) else COOKIE


def _browser(request: Request) -> str | None:
    value = request.cookies.get(_cookie_name(request), "")
    return value if SECRET.fullmatch(value) else None


def _set_browser(request: Request, response: Response, browser: str) -> None:
    response.set_cookie(
        _cookie_name(request),
        browser,
        max_age=COOKIE_SECONDS,
        path="/",
        secure=_secure(request),
        httponly=True,
        samesite="lax",
    )
