"""Who may ask the web page: host, origin, token."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets.exceptions
from web_service import Served, served

from pytracking.web import access as module
from pytracking.web.access import Access, access_of, refused, shows_token

TOKEN = "a" * 43
LOCAL = access_of("127.0.0.1")


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Served]:
    with served(tmp_path, Access(frozenset({"127.0.0.1"}), token=TOKEN)) as server:
        yield server


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8321", "localhost:9000", "[::1]:8321", "LOCALHOST", "localhost.:80"]
)
def test_loopback_is_asked_for_by_its_names(host: str) -> None:
    assert refused(LOCAL, "GET", {"host": host}) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example:8321", "127.0.0.1.evil.example", "", "a@evil.example", "[bad", "10.0.0.1"],
)
def test_a_host_that_is_not_ours_is_refused(host: str) -> None:
    refusal = refused(LOCAL, "GET", {"host": host})
    assert refusal is not None
    assert refusal.status == 421


def test_listening_everywhere_takes_addresses_and_the_own_name() -> None:
    everywhere = access_of("0.0.0.0")
    assert everywhere.token
    assert everywhere.token != access_of("0.0.0.0").token
    assert refused(everywhere, "GET", {"host": "192.168.1.7:8321"}) is None
    assert refused(everywhere, "GET", {"host": "evil.example:8321"}) is not None


def test_only_loopback_needs_no_token() -> None:
    assert access_of("localhost").token is None
    assert access_of("::1").token is None
    assert access_of("192.0.2.1").token


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (None, True),
        ("http://localhost:8321", True),
        ("https://localhost:8321", True),
        ("http://localhost:9999", False),
        ("http://evil.example", False),
        ("null", False),
        ("http://[bad", False),
        ("file://localhost:8321", False),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "WEBSOCKET"])
def test_what_changes_something_comes_from_our_page(
    method: str, origin: str | None, allowed: bool
) -> None:
    headers = {"host": "localhost:8321"} | ({"origin": origin} if origin else {})
    refusal = refused(LOCAL, method, headers)
    assert (refusal is None) == allowed
    assert refusal is None or refusal.status == 403


def test_a_picture_may_be_shown_elsewhere() -> None:
    assert refused(LOCAL, "GET", {"host": "localhost", "origin": "http://evil.example"}) is None


@pytest.mark.parametrize(
    ("headers", "query", "shown"),
    [
        ({"authorization": f"Bearer {TOKEN}"}, "", True),
        ({"authorization": f"bearer {TOKEN}"}, "", True),
        ({"authorization": f"Basic {TOKEN}"}, "", False),
        ({"cookie": f"other=1; pytracking_1={TOKEN}"}, "", True),
        ({"cookie": f"pytracking_2={TOKEN}"}, "", False),
        ({}, f"a=1&token={TOKEN}", True),
        ({}, f"token={TOKEN[:-1]}", False),
        ({}, "token=%C3%A4", False),
        ({}, "", False),
    ],
)
def test_the_token_is_shown_in_one_of_three_ways(
    headers: dict[str, str], query: str, shown: bool
) -> None:
    assert shows_token(TOKEN, headers, query, "pytracking_1") == shown


def test_tokens_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr(secrets, "compare_digest", lambda a, b: compared.append((a, b)) or True)
    assert shows_token(TOKEN, {"authorization": "Bearer x"}, "token=y", "pytracking_1")
    wanted = TOKEN.encode()
    assert compared == [(b"", wanted), (b"x", wanted), (b"y", wanted)]


def test_wrong_token(guarded: Served) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        for answer in (
            httpx.get(guarded.url("/api/status"), headers=headers),
            httpx.post(guarded.url("/api/pause"), headers=headers),
            httpx.get(guarded.url("/app.js"), headers=headers),
        ):
            assert answer.status_code == 401
            assert answer.json()["error"].startswith("the token is missing or wrong: open the")
    page = httpx.get(guarded.url("/?token=wrong"))
    assert (page.status_code, page.text.count("\n")) == (401, 1)
    with pytest.raises(websockets.exceptions.InvalidStatus):
        guarded.socket("/api/stream?token=wrong")
    assert not guarded.session.calls


def test_the_printed_address_sets_a_cookie_and_goes_on_without_the_token(guarded: Served) -> None:
    answer = httpx.get(guarded.url(f"/?token={TOKEN}&source=clip"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/?source=clip")
    cookie = answer.headers["set-cookie"]
    port = guarded.address.rpartition(":")[2]
    assert cookie == f"pytracking_{port}={TOKEN}; Path=/; HttpOnly; SameSite=Strict"
    with httpx.Client(base_url=guarded.url("")) as browser:
        page = browser.get(f"/?token={TOKEN}", follow_redirects=True)
        assert page.status_code == 200
        assert TOKEN not in str(page.url)
        assert browser.get("/api/status").status_code == 200
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.post(guarded.url("/api/pause"), headers=bearer).status_code == 200
    with guarded.socket("/api/stream", additional_headers=bearer) as stream:
        assert "you" in stream.recv(timeout=20)


def test_foreign_origin_and_wrong_host(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        foreign = {"Origin": "http://evil.example"}
        for call in (httpx.post, httpx.put):
            answer = call(server.url("/api/upload?name=a.mp4"), headers=foreign, content=b"x")
            assert answer.status_code == 403
            assert answer.json() == {
                "error": "a page of http://evil.example may not do this: open this server's own"
            }
        for path in ("/api/stream", "/api/camera"):
            with pytest.raises(websockets.exceptions.InvalidStatus):
                server.socket(path, origin="http://evil.example")
        answer = httpx.get(server.url("/api/status"), headers={"Host": "evil.example"})
        assert answer.status_code == 421
        assert answer.json() == {
            "error": "this server is not 'evil.example': ask for it by its own name or address"
        }
        assert not server.session.calls
        assert not list(server.service.uploads.folder.iterdir())


def test_every_answer_has_the_security_headers(guarded: Served) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    for path, status in (("/", 200), ("/app.js", 200), ("/api/status", 200), ("/nothing", 404)):
        answer = httpx.get(guarded.url(path), headers=bearer)
        assert answer.status_code == status
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers
    assert "default-src" in httpx.get(guarded.url("/")).headers["content-security-policy"]


def test_the_page_fetches_nothing_from_outside(guarded: Served) -> None:
    for file in sorted((Path(inspect.getfile(module)).parent / "page").iterdir()):
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        for scheme in ("http://", "https://", "//cdn", "@import"):
            allowed = [
                line
                for line in text.splitlines()
                if scheme in line and "ssh -L" not in line and "open http://localhost" not in line
            ]
            assert not allowed, f"{file.name}: {allowed}"
