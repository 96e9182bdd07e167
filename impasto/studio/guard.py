"""What every request passes: the name it calls the server by, where it comes from, its token, its size and its pace.

Plain ASGI, so that nothing is read or kept of a request that is refused.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse, Response

from .settings import StudioSettings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "impasto-token"
OPEN = ("/healthz",)  # needs no token
FILM = "/api/jobs/film"  # takes more bytes than the rest, and more time
SAFE = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self' blob:; "
        "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    # Isolated from other sites' windows and files: it protects, and browsers give threads to such pages only.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(self), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class Guard:
    """Refuses what should not reach the application, and adds the security headers to every answer."""

    def __init__(self, app: App, settings: StudioSettings) -> None:
        self._app, self._settings, self._hosts = app, settings, settings.allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._refusal(scope)
        if answer is not None:
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, self._limited(receive, scope), send_with_headers)

    def _refusal(self, scope: Scope) -> Response | None:
        headers, settings = Headers(scope=scope), self._settings
        host = headers.get("host", "")
        # Another site can give its own name the address 127.0.0.1 and so read this server's answers as its own. With a
        # token it cannot, and then any name may lead here.
        if settings.token is None and _name(host) not in self._hosts:
            return _error(421, f"this server is not known as '{_name(host)}'")
        if scope["method"] not in SAFE:
            origin, site = headers.get("origin"), headers.get("sec-fetch-site")
            if (origin is not None and urlsplit(origin).netloc != host) or site in ("cross-site", "same-site"):
                return _error(403, "requests of other sites are refused")
        if settings.token is not None and scope["path"] not in OPEN:
            given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if scope["method"] == "GET" and _same(given, settings.token):
                response = RedirectResponse(scope["path"], 303)
                response.set_cookie(COOKIE, settings.token, httponly=True, samesite="strict")
                return response
            if not _same(_token(headers), settings.token):
                return _error(401, "a token is needed: open the address that the server printed when it started")
        try:
            length = int(headers.get("content-length", 0))
        except ValueError:
            return _error(400, "Content-Length is no number")
        if length > self._most(scope):
            return _error(413, _too_large(self._most(scope)))
        return None

    def _most(self, scope: Scope) -> int:
        """Bytes that a request may have."""
        limits = self._settings.limits
        return limits.film if scope["path"] == FILM else limits.upload

    def _limited(self, receive: Receive, scope: Scope) -> Receive:
        """Bodies that are too large, or come too slowly, end in an error."""
        loop, seconds, most = asyncio.get_running_loop(), self._settings.limits.seconds, self._most(scope)
        deadline, seen, whole = loop.time() + seconds, 0, False

        async def limited() -> Message:
            nonlocal deadline, seen, whole
            if whole:  # what comes now is that the client has gone: there is no hurry
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(0.01, deadline - loop.time()))
            except asyncio.TimeoutError:
                raise HTTPException(408, "the request took too long to arrive") from None
            seen += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if seen > most:
                raise HTTPException(413, _too_large(most))
            if scope["path"] == FILM:
                deadline = loop.time() + seconds
            return message

        return limited


def _name(host: str) -> str:
    """A Host header without its port."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _token(headers: Headers) -> str:
    """What a request shows: a bearer token or the cookie."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    try:
        morsel = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode(), token.encode())


def _too_large(limit: int) -> str:
    amount = f"{limit / 1e9:g} GB" if limit >= 1e9 else f"{limit / 1e6:.0f} MB"
    return f"the request is too large: {amount} at most"


def _error(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"detail": detail}, status)
