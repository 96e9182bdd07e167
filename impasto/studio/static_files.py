"""The front end's files, of which the largest lie compressed in the package."""

from __future__ import annotations

import gzip
import mimetypes
import os
from collections.abc import Iterator

from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse
from starlette.types import Scope

SUFFIX, CHUNK = ".gz", 1 << 18


class PackedStaticFiles(StaticFiles):
    """Static files, where FILE.gz may lie in FILE's place: it is sent as it is to who takes it, else unpacked."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """See Starlette."""
        full_path, found = super().lookup_path(path)
        return (full_path, found) if found else super().lookup_path(path + SUFFIX)

    def file_response(
        self, full_path: str | os.PathLike[str], stat_result: os.stat_result, scope: Scope, status_code: int = 200
    ) -> Response:
        """See Starlette."""
        path, response = os.fspath(full_path), super().file_response(full_path, stat_result, scope, status_code)
        if not path.endswith(SUFFIX):
            return response
        if accepts_gzip(Headers(scope=scope).get("accept-encoding", "")):
            response.headers["Content-Encoding"] = "gzip"
        else:  # another representation, with another length and without a tag
            content = _unpacked(path) if scope["method"] == "GET" else iter(())
            response = StreamingResponse(content, media_type=mimetypes.guess_type(path)[0])
        response.headers["Vary"] = "Accept-Encoding"
        return response


def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3)."""
    weights = dict[str, float]()
    for part in header.lower().split(","):
        coding, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((value for value in parameters if value.startswith("q=")), "q=1")
        try:
            weights[coding] = float(weight[2:])
        except ValueError:
            weights[coding] = 0.0
    return next((weights[name] > 0 for name in ("gzip", "x-gzip", "*") if name in weights), False)


def _unpacked(path: str) -> Iterator[bytes]:
    with gzip.open(path) as file:
        while chunk := file.read(CHUNK):
            yield chunk
