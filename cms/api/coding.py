"""Content codings: what is answered in Brotli, Zstandard or gzip, to those who take it."""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable, Iterator

import brotli
import zstandard
from flask import Response, request

CODINGS = ("br", "zstd", "gzip")
"""In the order in which they are chosen where the client has no preference."""

BROTLI, ZSTANDARD, GZIP = 4, 3, 5
"""Levels at which a page of text costs no more than a few hundred microseconds."""

_TEXT = ("application/json", "application/x-ndjson", "application/schema+json", "text/markdown")
_PART = re.compile(r"\s*([a-z*]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?", re.IGNORECASE)


@functools.lru_cache(maxsize=256)
def choose(accepted: str) -> str:
    """Of what `Accept-Encoding` takes, the best that we have; "" for none (RFC 9110, section 12.5.3)."""
    weights: dict[str, float] = {}
    for part in accepted.split(","):
        if (match := _PART.fullmatch(part)) is not None:
            weights[match[1].lower()] = float(match[2] or 1)
    offered = {name: weights.get(name, weights.get("*", 0.0)) for name in CODINGS}
    best = max(CODINGS, key=lambda name: offered[name])
    return best if offered[best] > 0 and offered[best] >= weights.get("identity", 0.0) else ""


def apply(response: Response) -> None:
    """Code a text that was asked for, as the client takes it; its entity tag tells the codings apart."""
    is_text = response.status_code == 304 or (response.status_code == 200 and response.mimetype in _TEXT)
    if request.method not in ("GET", "HEAD") or not is_text or "ETag" not in response.headers:
        return
    response.headers["Vary"] = f"{response.headers['Vary']}, Accept-Encoding"
    coding = choose(request.headers.get("Accept-Encoding", "")[:1000])
    if not coding:
        return
    response.headers["ETag"] = coded_tag(response.headers["ETag"], coding)
    if response.status_code == 304:
        return
    response.headers["Content-Encoding"] = coding
    if response.is_streamed:
        response.response = _stream(coding, response.iter_encoded())
    else:
        response.set_data(coded(coding, response.get_data()))


def coded(coding: str, data: bytes) -> bytes:
    """The bytes in that coding; as they are where it is ""."""
    return b"".join(_stream(coding, iter([data]))) if coding else data


def coded_tag(etag: str, coding: str) -> str:
    """The entity tag of a representation in that coding."""
    return f'{etag[:-1]}-{coding}"' if coding else etag


def _stream(coding: str, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces, coded; what can be told of each is told at once only when it is enough."""
    compress, flush = _coder(coding)
    for piece in pieces:
        if coded := compress(piece):
            yield coded
    yield flush()


def _coder(coding: str) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    if coding == "br":
        coder = brotli.Compressor(quality=BROTLI)
        return coder.process, coder.finish
    if coding == "zstd":
        zstd = zstandard.ZstdCompressor(level=ZSTANDARD).compressobj()
        return zstd.compress, zstd.flush
    gzip = zlib.compressobj(GZIP, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    return gzip.compress, gzip.flush
