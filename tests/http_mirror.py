"""A mirror on 127.0.0.1 that can misbehave: the tests of ``datasets.py`` download from it."""

import gzip
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

PAGE = b"<!DOCTYPE html><html><body><h1>Service Unavailable</h1></body></html>"


class Mirror:
    """Serves ``<name>.gz`` for each of ``files``; ``faults[name]`` (or ``faults["*"]``) says how it goes wrong.

    A fault is one of the branches of ``_reply``, or a list of them: one for each request in turn, and good afterwards.
    ``asked`` lists the names that were asked for; ``halfway`` is set while a stalled reply waits.
    """

    def __init__(self, files: Mapping[str, bytes], faults: Mapping[str, str | list[str]] | None = None):
        self.files = files
        self.faults = {name: list(f) if isinstance(f, list) else f for name, f in (faults or {}).items()}
        self.asked: list[str] = []
        self.halfway = threading.Event()
        self.released = threading.Event()
        self.together = threading.Barrier(2)

    def __enter__(self) -> Self:
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror._reply(self)

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/mnist"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def _fault(self, name: str) -> str:
        fault = self.faults.get(name, self.faults.get("*", "good"))
        if isinstance(fault, list):
            return fault.pop(0) if fault else "good"
        return fault

    def _reply(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix("/mnist/").removesuffix(".gz")
        self.asked.append(name)
        body = gzip.compress(self.files[name], 1)
        half = len(body) // 2
        fault = self._fault(name)
        if fault == "good":
            send(request, body)
        elif fault == "together":  # two clients get the file at the same moment
            self.together.wait(timeout=60)
            send(request, body)
        elif fault in ("503", "404"):
            send(request, PAGE, status=int(fault))
        elif fault == "page":  # an error page that claims to be the file
            send(request, PAGE)
        elif fault == "zipped page":
            send(request, gzip.compress(PAGE))
        elif fault == "wrong":  # a good IDX file with another pixel
            send(request, gzip.compress(self.files[name][:-1] + bytes([self.files[name][-1] ^ 1])))
        elif fault == "short":  # half of the file, given out as the whole
            send(request, body[:half])
        elif fault == "cut":  # the connection ends before the body does
            send(request, body[:half], length=len(body))
        elif fault == "dropped":
            request.close_connection = True
        elif fault == "encoded":  # the server tells the client to unzip
            send(request, body, headers={"Content-Encoding": "gzip"})
        elif fault == "slow":
            send(request, body[:half], length=len(body))
            self.released.wait(1.0)
            request.wfile.write(body[half:])
        elif fault == "stalled":
            send(request, body[:half], length=len(body))
            self.halfway.set()
            self.released.wait(60)
        else:
            raise AssertionError(fault)


def send(
    request: BaseHTTPRequestHandler,
    body: bytes,
    status: int = 200,
    length: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> None:
    request.send_response(status)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    for key, value in (headers or {}).items():
        request.send_header(key, value)
    request.end_headers()
    request.wfile.write(body)
    request.wfile.flush()
