"""The application: every path, what stands behind it, and what a refusal looks like."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ltr.errors import ConfigError, FrameError, TrackingError, suggestion
from pytracking.web.access import Access, Application, guarded
from pytracking.web.broadcast import Broadcast
from pytracking.web.browser_camera import receive
from pytracking.web.commands import COMMANDS, Offered, carry_out, checked
from pytracking.web.pictures import panel_picture, plain, png
from pytracking.web.recordings import File, finished_files
from pytracking.web.steering import SteeringError, Wheel
from pytracking.web.stream import BOUNDARY, mjpeg, show
from pytracking.web.uploads import TooLarge, Uploads

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.websockets import WebSocket

    from pytracking.live.session import Session
    from pytracking.sources.pushed_feed import PushedFeed

PAGE = Path(__file__).parent / "page"
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
LARGEST_COMMAND = 1 << 16
"""Bytes of a command's JSON."""
COMING_BACK = 3.0
"""Seconds in which a viewer who has gone may be here again."""
DEFAULT_WIDTH = 960
"""Pixels of a picture whose width is not asked for."""
STATUS_OF: dict[type[Exception], int] = {SteeringError: 409, TooLarge: 413}
"""Of refusals; of all others 400."""


class Service:
    """What stands behind the paths: a session, and who is here. The event loop's alone; what waits
    for the tracker or the disk is done in threads."""

    def __init__(
        self,
        session: Session,
        offered: Offered,
        uploads: Uploads,
        recordings: Path,
        clock: Callable[[], float],
    ) -> None:
        self.session, self.offered = session, offered
        self.uploads, self.recordings = uploads, recordings
        self.wheel = Wheel(clock)
        self.broadcast = Broadcast(session, self.status)
        self._streams: dict[str, int] = {}
        self._uploaded: dict[str, Path] = {}
        self._cameras: dict[str, tuple[str, PushedFeed]] = {}
        """The source of whose browser, and its feed."""

    def status(self) -> dict[str, Any]:
        """The session's, and who is here."""
        wheel = self.wheel
        steering = {
            "holder": wheel.label(wheel.holder) if wheel.holder else None,
            "idle": round(wheel.idle, 1) if wheel.holder else None,
        }
        viewers = self.broadcast.viewers
        status = {**self.session.status(), "steering": steering, "viewers": viewers}
        return plain(status)

    def source(self, connection: HTTPConnection) -> str:
        """The source that is asked for, or the first one; "" where there is none."""
        asked = connection.query_params.get("source")
        return asked or next(iter(self.session.sources), "")

    def watched(self, source: str) -> str | None:
        """The target of a source that is looked into."""
        known = self.session.status()["sources"]
        return next((one["watched"] for one in known if one["name"] == source), None)

    async def command(self, who: str, name: str, given: Any) -> dict[str, Any]:
        """Carry out a command of somebody. Raises TrackingError."""
        from starlette.concurrency import run_in_threadpool

        self.wheel.act(who)
        arguments = checked(name, given)
        result = await run_in_threadpool(carry_out, self.session, self.offered, name, arguments)
        if name == "close" and (path := self._uploaded.pop(arguments["source"], None)):
            self.uploads.remove(path)
        self.broadcast.touch()
        return {"result": result, "status": self.status()}

    async def camera(self, who: str) -> tuple[str, PushedFeed]:
        """The source that somebody's browser pushes into: the one that it had, or a new one. Raises
        TrackingError."""
        from starlette.concurrency import run_in_threadpool

        from pytracking.sources.pushed_feed import PushedFeed

        self.wheel.act(who)
        known = self._cameras.get(who)
        if known is None or known[0] not in self.session.sources:
            name = f"camera of {self.wheel.label(who)}"
            feed = PushedFeed(name, f"the {name}")
            known = self._cameras[who] = await run_in_threadpool(self.session.open, feed), feed
            self.broadcast.touch()
        return known

    async def upload(self, who: str, request: Request) -> dict[str, Any]:
        """Make a source of what is uploaded. Raises TrackingError."""
        from starlette.concurrency import run_in_threadpool

        self.wheel.act(who)
        self.uploads.check_size(int(request.headers.get("content-length", "0")))
        name = request.query_params.get("name", "")
        path = await self.uploads.receive(name, request.stream(), run_in_threadpool)
        try:
            feed = await run_in_threadpool(self.offered.feed, str(path))
            source = await run_in_threadpool(self.session.open, feed)
        except TrackingError:
            self.uploads.remove(path)
            raise
        self._uploaded[source] = path
        self.broadcast.touch()
        return {"result": source, "status": self.status()}

    async def look_away(self, source: str) -> None:
        """A viewer has gone: where he was the last one, and does not come back as one who reloads
        his page does, nothing is looked into any more."""
        from starlette.concurrency import run_in_threadpool

        if not self.broadcast.ended:
            await asyncio.sleep(COMING_BACK)
        if not self.broadcast.ended and not self.broadcast.watches(source) and self.watched(source):
            with suppress(TrackingError):  # it is over, or the source has gone
                await run_in_threadpool(self.session.watch, source, None)

    def end(self) -> None:
        """The server ends: viewers are to go, and what takes long is given up."""
        self.broadcast.end()
        self.uploads.end()

    @asynccontextmanager
    async def presence(self, who: str) -> AsyncIterator[str]:
        """A viewer watches; when he has gone, so has his hand from the wheel. Gives his label."""
        self._streams[who] = self._streams.get(who, 0) + 1
        try:
            yield self.wheel.label(who)
        finally:
            self._streams[who] -= 1
            if not self._streams[who]:
                del self._streams[who]
                self.wheel.leave(who)
                self.broadcast.touch()


def web_application(service: Service, access: Access) -> Application:
    """The ASGI application: the page, what a person can do as JSON, and the streams, behind the
    checks of `access`."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException

    async def refuse(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            return _answer({"error": error.detail}, error.status_code, error.headers)
        status = STATUS_OF.get(type(error), 400)
        return _answer({"error": str(error)}, status)

    handlers = {TrackingError: refuse, HTTPException: refuse}
    return guarded(Starlette(routes=routes(service), exception_handlers=handlers), access)


def routes(service: Service) -> list[BaseRoute]:
    """All paths; docs/live_web.md has them in a table."""
    return [*_page_routes(), *_streams(service), *_answers(service)]


def _who(connection: HTTPConnection) -> str:
    """Whoever asks, by the text that the page made up, else by address."""
    named = connection.headers.get("x-viewer") or connection.query_params.get("viewer")
    host = connection.client.host if connection.client else "somebody"
    return f"page {named[:64]}" if named else f"address {host}"


def _width(connection: HTTPConnection) -> int:
    text = connection.query_params.get("width", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else DEFAULT_WIDTH


def _page_routes() -> list[BaseRoute]:
    from starlette.responses import FileResponse
    from starlette.routing import Route

    def route(path: str, file: Path, kind: str) -> BaseRoute:
        async def page(request: Request) -> Response:
            return FileResponse(file, media_type=kind)

        return Route(path, page, methods=["GET"])

    files = [file for file in sorted(PAGE.iterdir()) if file.suffix in KINDS]
    others = [route(f"/{file.name}", file, KINDS[file.suffix]) for file in files]
    return [route("/", PAGE / "index.html", "text/html"), *others]


def _answers(service: Service) -> list[BaseRoute]:
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.responses import FileResponse, Response
    from starlette.routing import Route

    async def status(request: Request) -> Response:
        return _answer(service.status())

    async def choices(request: Request) -> Response:
        return _answer({**service.offered.as_dict(), "max_upload": service.uploads.most})

    async def command(request: Request) -> Response:
        name = request.path_params["command"]
        if name not in COMMANDS:
            raise HTTPException(404, f"no command {name!r:.60}: {suggestion(name, COMMANDS)}")
        return _answer(await service.command(_who(request), name, await _json(request)))

    async def wheel(request: Request) -> Response:
        given = await _json(request)
        actions = {"take": service.wheel.take, "give": service.wheel.give}
        action = given.get("action") if isinstance(given, dict) else None
        if action not in actions:
            raise ConfigError(f"action is {action!r:.60}: give 'take' or 'give'")
        actions[action](_who(request))
        service.broadcast.touch()
        return _answer({"result": None, "status": service.status()})

    async def upload(request: Request) -> Response:
        return _answer(await service.upload(_who(request), request))

    def found() -> dict[str, File]:
        recording = service.session.status()["recording"]
        return finished_files(service.recordings, [Path(recording)] if recording else [])

    async def files(request: Request) -> Response:
        listed = await run_in_threadpool(found)
        return _answer(
            {"files": [{"name": name, "bytes": file.size} for name, file in listed.items()]}
        )

    async def file(request: Request) -> Response:
        name = request.path_params["name"]
        known = (await run_in_threadpool(found)).get(name)
        if known is None:
            raise HTTPException(404, f"there is no file {name!r:.80}: /api/files lists them")
        return FileResponse(known.path, filename=known.path.name)

    async def panel(request: Request) -> Response:
        source = service.source(request)
        view, watched = service.session.view(source), service.watched(source)
        picture = None
        if view is not None and watched is not None:
            panel = request.path_params["panel"]
            picture = await run_in_threadpool(panel_picture, view, watched, panel)
        if picture is None and "sequence" in request.query_params:
            return Response(status_code=204)  # of a view that was; a page's console stays clean
        if picture is None:
            raise HTTPException(404, "nothing is seen of a target here: watch one first")
        return Response(await run_in_threadpool(png, picture), media_type="image/png")

    post, get = ["POST"], ["GET"]
    return [
        Route("/api/status", status, methods=get),
        Route("/api/choices", choices, methods=get),
        Route("/api/files", files, methods=get),
        Route("/api/files/{name:path}", file, methods=get),
        Route("/api/panels/{panel}", panel, methods=get),
        Route("/api/wheel", wheel, methods=post),
        Route("/api/upload", upload, methods=["POST", "PUT"]),
        Route("/api/{command}", command, methods=post),
    ]


def _answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A value as JSON, in which what UTF-8 lacks, as names of files may have it, is escaped."""
    from starlette.responses import Response

    return Response(json.dumps(value, allow_nan=False), status, headers, "application/json")


async def _json(request: Request) -> Any:
    """The body, nothing standing for {}. Raises ConfigError."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_COMMAND:
            raise ConfigError(f"a command has at most {LARGEST_COMMAND} bytes: send less")
    try:
        return json.loads(body or b"{}")
    except (ValueError, RecursionError):
        raise ConfigError("the body is no JSON: send an object, such as {}") from None


def _streams(service: Service) -> list[BaseRoute]:
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.responses import Response, StreamingResponse
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocketDisconnect

    async def stream(websocket: WebSocket) -> None:
        with suppress(WebSocketDisconnect):  # he may go at any time
            await websocket.accept()
            source = service.source(websocket)
            try:
                async with (
                    service.presence(_who(websocket)) as label,
                    service.broadcast.watching(source) as channel,
                ):
                    await show(websocket, service.broadcast, channel, _width(websocket), label)
            finally:
                await service.look_away(source)

    async def video(request: Request) -> Response:
        source = _known_source(request)
        parts = mjpeg(service.broadcast, source, _width(request))
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
        return StreamingResponse(parts, media_type=kind)

    async def frame(request: Request) -> Response:
        async with service.broadcast.watching(_known_source(request)) as channel:
            view = service.session.view(channel.source)
            if view is None:
                raise HTTPException(404, f"{channel.source} has given no frame yet: ask again")
            boxes = request.query_params.get("boxes", "1") != "0"
            data = await channel.picture(view, _width(request), boxes)
        return Response(data, media_type="image/jpeg")

    def _known_source(request: Request) -> str:
        source, known = service.source(request), service.session.sources
        if source not in known:
            raise HTTPException(404, f"no source {source!r:.60}: {suggestion(source, known)}")
        return source

    async def camera(websocket: WebSocket) -> None:
        with suppress(WebSocketDisconnect):
            await websocket.accept()
            try:
                source, feed = await service.camera(_who(websocket))
                await websocket.send_json({"source": source})
                await receive(
                    websocket, feed, lambda: source in service.session.sources, run_in_threadpool
                )
            except TrackingError as error:
                await websocket.send_json({"error": str(error)})
                await websocket.close(1003 if isinstance(error, FrameError) else 1008)
        service.broadcast.touch()

    return [
        WebSocketRoute("/api/stream", stream),
        WebSocketRoute("/api/camera", camera),
        Route("/api/video", video, methods=["GET"]),
        Route("/api/frame", frame, methods=["GET"]),
    ]
