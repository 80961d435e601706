"""The merchant's browser on its way through the connection: pages, forms, redirects."""

from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

from app.commands.terminal import Stop
from app.kit.http import Client, HTTPError, Response

REDIRECTS = {301, 302, 303, 307, 308}
MOST_HOPS = 8


class Form(HTMLParser):
    """The first form of a page: where it goes, its fields, and its buttons by their text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action, self.fields = "", dict[str, str]()
        self.buttons: dict[str, tuple[str, str]] = {}
        self._button: tuple[str, str] | None = None
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = given.get("action", "")
        elif tag == "input" and "name" in given:
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select and self._select not in self.fields:
            self.fields[self._select] = given.get("value", "")
        elif tag == "button":
            self._button = (given.get("name", ""), given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "button":
            self._button = None

    def handle_data(self, data: str) -> None:
        if self._button is not None and data.strip():
            self.buttons[data.strip()] = self._button

    def pressed(self, button: str) -> dict[str, str]:
        """
        Return what is sent when the button is pressed.

        Raises:
            Stop: The page has no such button.
        """
        if button not in self.buttons:
            raise Stop(f"The page has no button {button!r}, but {', '.join(self.buttons)}.")
        name, value = self.buttons[button]
        return {**self.fields, name: value} if name else dict(self.fields)


def walk(authorization_url: str, return_url: str) -> tuple[list[str], dict[str, str]]:
    """
    Go from our page over consent back to *return_url*, which nobody needs to answer.

    Returns the addresses on the way without their queries, and what the billing system is told.

    Raises:
        Stop: The way ended somewhere else.
    """
    with Client(timeout=60, trust_env=False, follow_redirects=False) as http:
        way: list[str] = []
        page = _get(http, authorization_url, way)
        answer = _post(http, page, "Continue to QuickBooks")
        consent = _follow(http, answer, way, return_url)
        answer = _post(http, consent, "Connect")
        landed = _follow(http, answer, way, return_url)
    if not str(landed.url).startswith(return_url):
        raise Stop(f"The way ended at {_plain(str(landed.url))} instead of {return_url}.")
    return way, dict(parse_qsl(urlsplit(str(landed.url)).query))


def _get(http: Client, url: str, way: list[str]) -> Response:
    way.append(_plain(url))
    try:
        return http.get(url, headers={"Sec-Fetch-Site": "none"})
    except HTTPError as lost:
        raise Stop(f"{_plain(url)} cannot be reached: {lost}.") from lost


def _post(http: Client, page: Response, button: str) -> Response:
    if page.status_code != 200:
        raise Stop(f"{_plain(str(page.url))} answered {page.status_code}.")
    form = Form(page.text)
    target = urljoin(str(page.url), form.action or str(page.url))
    headers = {"Sec-Fetch-Site": "same-origin"}
    return http.post(target, data=form.pressed(button), headers=headers)


def _follow(http: Client, answer: Response, way: list[str], return_url: str) -> Response:
    """Follow redirects; an address of the billing system is noted and not asked for."""
    for _ in range(MOST_HOPS):
        if answer.status_code not in REDIRECTS:
            return answer
        target = urljoin(str(answer.url), answer.headers["location"])
        if target.startswith(return_url):
            way.append(_plain(target))
            return Response(200, request=http.build_request("GET", target))
        answer = _get(http, target, way)
    raise Stop("The redirects go in a circle.")


def _plain(url: str) -> str:
    """Return an address without its query and without what is secret in its path."""
    parts = urlsplit(url)
    path = parts.path
    if path.startswith("/v1/connect/"):
        path = "/v1/connect/…"
    return f"{parts.scheme}://{parts.netloc}{path}"
