"""A small HTTP server on loopback that streams numbered JPEGs, and stalls when it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
from numbered_clip import FRAMES, frame_number


class MjpegServer(ThreadingHTTPServer):
    """state: streams; stalls, which keeps connections and sends nothing; or hangs up, which ends
    each connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.state = "streams"
        self.closing = threading.Event()
        self.connections = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/video.mjpg"


class _Handler(BaseHTTPRequestHandler):
    server: MjpegServer

    def log_message(self, *_: object) -> None:
        """Nothing."""

    def do_GET(self) -> None:
        self.server.connections += 1
        if self.server.state == "hangs up":
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        number = 0
        try:
            while not self.server.closing.wait(0.02) and self.server.state != "hangs up":
                if self.server.state == "stalls":
                    continue
                _, data = cv2.imencode(".jpg", frame_number(number % FRAMES)[:, :, ::-1])
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {data.size}\r\n\r\n"
                self.wfile.write(head.encode() + data.tobytes() + b"\r\n")
                number += 1
        except OSError:  # the reader has gone
            return


@contextmanager
def mjpeg_server() -> Iterator[MjpegServer]:
    server = MjpegServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
