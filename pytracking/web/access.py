"""Who may ask: the host that is named, the page that asks, and the token.

A page of another site can reach a server on this machine: by a name that leads here (DNS
rebinding), which the Host header shows, or by requests of its own, which the Origin header shows.
"""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = Mapping[str, str]
"""By names in lower case."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERYWHERE = frozenset({"", "0.0.0.0", "::"})
"""Hosts to listen on that mean all addresses of the machine."""
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'; object-src 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-site",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Access:
    """Which hosts may be asked for, and the token that must be shown."""

    hosts: frozenset[str]
    any_address: bool = False
    """An address in figures will do as well: we listen on all of them, and no name leads there."""
    token: str | None = None


@dataclass(frozen=True)
class Refusal:
    """An HTTP status and a line that says what to do."""

    status: int
    line: str


def access_of(host: str) -> Access:
    """The access of a server that listens on `host`: on loopback without a token, elsewhere with a
    new one. Raises OSError for a host that leads nowhere."""
    name = host.lower().strip("[]")
    if name in EVERYWHERE:
        return Access(LOOPBACK | _own_names(), True, secrets.token_urlsafe())
    addresses = {str(info[4][0]) for info in socket.getaddrinfo(name, None)}
    if all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses):
        return Access(LOOPBACK | {name} | addresses)
    return Access(frozenset({name} | addresses | _own_names()), token=secrets.token_urlsafe())


def _own_names() -> frozenset[str]:
    return frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})


def refused(access: Access, method: str, headers: Headers) -> Refusal | None:
    """What speaks against a request, but for its token. method: "WEBSOCKET" for one of these.

    Ports are not compared: behind `ssh -L` or a container they are others, and a page that got here
    by a name that is not ours is refused whatever its port."""
    host = headers.get("host", "")
    if not _is_ours(access, host):
        return Refusal(
            421, f"this server is not {_shown(host)!r}: ask for it by its own name or address"
        )
    origin = headers.get("origin")
    if method not in SAFE_METHODS and origin is not None and not _same(origin, host):
        return Refusal(403, f"a page of {_shown(origin)} may not do this: open this server's own")
    return None


def _is_ours(access: Access, host: str) -> bool:
    try:
        name = (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return False
    return name in access.hosts or (access.any_address and _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _same(origin: str, host: str) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _shown(text: str) -> str:
    return "".join(letter for letter in text[:80] if letter.isprintable())


def shows_token(token: str, headers: Headers, query: str, cookie: str) -> bool:
    """Whether a request shows the token: in the cookie of this name, as `Authorization: Bearer`, or
    in its query as `token`. Compared in constant time."""
    bearer = headers.get("authorization", "")
    shown = [
        _cookie(headers.get("cookie", ""), cookie),
        bearer[7:] if bearer[:7].lower() == "bearer " else "",
        _query_token(query),
    ]
    wanted = token.encode()
    return any([secrets.compare_digest(text.encode(), wanted) for text in shown])


def _cookie(header: str, name: str) -> str:
    try:
        found = SimpleCookie(header).get(name)
    except CookieError:
        return ""
    return found.value if found else ""


def _query_token(query: str) -> str:
    return parse_qs(query).get("token", [""])[-1]


def guarded(application: Application, access: Access) -> Application:
    """The application behind these checks, with security headers on whatever it answers. The page
    that is opened with `?token=` sets a cookie and goes on without it."""

    async def ask(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await application(scope, receive, send)
            return
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        query = scope["query_string"].decode("latin-1")
        cookie = f"pytracking_{(scope.get('server') or ('', 0))[1]}"
        method = scope.get("method", "WEBSOCKET")
        refusal = refused(access, method, headers)
        if refusal is None and access.token is not None:
            if not shows_token(access.token, headers, query, cookie):
                refusal = Refusal(
                    401,
                    "the token is missing or wrong: open the address that `pytracking serve` "
                    "printed, or send `Authorization: Bearer TOKEN`",
                )
            elif scope["path"] == "/" and _query_token(query):
                await _go_on_without_token(scope, query, cookie, access.token, send)
                return
        if refusal is not None:
            await _refuse(scope, refusal, receive, send)
            return
        await application(scope, receive, _with_headers(send))

    return ask


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {key.lower() for key, _ in message.get("headers", [])}
            more = [(k.encode(), v.encode()) for k, v in SECURITY_HEADERS.items()]
            kept = [(key, value) for key, value in more if key not in given]
            message = {**message, "headers": [*message.get("headers", []), *kept]}
        await send(message)

    return send_with_headers


async def _refuse(scope: Scope, refusal: Refusal, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()  # the wish to connect, which a refusal answers: HTTP 403
        await send({"type": "websocket.close", "code": 1008, "reason": refusal.line[:120]})
        return
    plain = scope["path"] == "/"
    body = (refusal.line + "\n" if plain else json.dumps({"error": refusal.line})).encode()
    kind = b"text/plain; charset=utf-8" if plain else b"application/json"
    # the body of the request is not read: the connection ends with the answer
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
    headers.append((b"connection", b"close"))
    send = _with_headers(send)
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _go_on_without_token(
    scope: Scope, query: str, cookie: str, token: str, send: Send
) -> None:
    rest = {key: value for key, value in parse_qs(query).items() if key != "token"}
    address = scope["path"] + (f"?{urlencode(rest, doseq=True)}" if rest else "")
    headers = [
        (b"location", address.encode("latin-1")),
        (b"set-cookie", f"{cookie}={token}; Path=/; HttpOnly; SameSite=Strict".encode()),
        (b"content-length", b"0"),
    ]
    send = _with_headers(send)
    await send({"type": "http.response.start", "status": 303, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
