"""Who may see the pages: whoever has the address with its token, from this machine's own browser, and nobody else."""

import re
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Callable, Send], Awaitable[None]]

TOKEN = "token"  # in the address
HUGE = re.compile(r"\d{20}")
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with no-referrer, browsers would not say where a form is from
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "private, no-cache",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
OTHERS = ("cross-site", "same-site")  # what browsers say of requests that pages of other servers make


def new_token() -> str:
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Guard:
    """Stands before the pages.

    hosts: the Host headers that are answered, so that a name which another server has led here (DNS rebinding) is not.
    A visit with the right token gets a cookie, and is sent on to the address without it, which may be shown and kept.
    Only GET is answered, with headers that forbid the page all that is not from here; and POST at the paths of `posts`,
    from a browser that has the cookie and says that one of these pages sent the form.
    """

    app: App
    token: str
    hosts: frozenset[str]
    cookie: str = field(default="unitdisc")
    posts: frozenset[str] = frozenset()

    async def __call__(self, scope: Scope, receive: Callable, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # web sockets
            raise ValueError("only HTTP is spoken here")
        headers = {str(name, "latin-1").lower(): str(value, "latin-1") for name, value in scope["headers"]}
        query = dict(parse_qsl(str(scope["query_string"], "latin-1")))
        given = self.same(query.get(TOKEN, ""))
        if refusal := self.refusal(scope["method"], scope["path"], headers, given=given):
            await plain(send, *refusal)
        elif given:
            rest = urlencode([(name, value) for name, value in query.items() if name != TOKEN])
            path = "/" + scope["path"].lstrip("/")
            there = {
                "location": quote(path, safe="/-._~") + (f"?{rest}" if rest else ""),
                "set-cookie": self.cookie_line(),
            }
            await plain(send, 303, "", headers_of(there))
        else:
            await self.app(scope, receive, with_headers(send))

    def refusal(self, method: str, path: str, headers: dict[str, str], *, given: bool) -> tuple[int, str] | None:
        """Status and reason."""
        host, origin, site = headers.get("host", ""), headers.get("origin"), headers.get("sec-fetch-site")
        posted = method == "POST" and path in self.posts
        if HUGE.search(path):  # which no place is, and Python refuses to read
            return 404, "There is no such page."
        if host not in self.hosts:
            return 421, "This server answers to 127.0.0.1 alone."
        if method != "GET" and not posted:
            return 405, "Only GET is answered."
        if origin not in {f"http://{host}", *(() if posted else (None,))}:
            return 403, "This was asked for by a page of another server."
        if (posted and site not in (None, "same-origin")) or (not given and site in OTHERS):
            return 403, "This was asked for by a page of another server."
        if (posted or not given) and not self.same(cookie_in(headers.get("cookie", ""), self.cookie)):
            return 403, "Open the address that `unitdisc explore` printed, with its token."
        return None

    def same(self, given: str) -> bool:
        """Whether it is the token, in a time that does not tell how much of it is right."""
        return secrets.compare_digest(given.encode("utf-8", errors="surrogatepass"), self.token.encode())

    def cookie_line(self) -> str:
        return f"{self.cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict"


def cookie_in(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def headers_of(values: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in values.items()]


def with_headers(send: Send) -> Send:
    """Adds HEADERS to whatever is answered."""

    async def sending(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = {name for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in headers_of(HEADERS) if name not in own]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sending


async def plain(send: Send, status: int, text: str, more: list[tuple[bytes, bytes]] | None = None) -> None:
    headers = [*headers_of({"content-type": "text/plain; charset=utf-8"}), *headers_of(HEADERS), *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text.encode()})
