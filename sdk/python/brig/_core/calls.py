"""A request, its answer, and when it is sent again."""

from __future__ import annotations

import dataclasses
import json
import os
import random
from typing import Any, AsyncIterable, Dict, Generator, Iterable, Mapping, Optional, TypeVar, Union
from urllib.parse import quote, urlencode, urlsplit

from .._errors import BrigError, ConflictError, ConnectionFailedError, InvalidArgumentError

DEFAULT_URL = "http://127.0.0.1:2744"
#: Bytes of a file or an input that are in memory at a time.
PIECE = 1 << 18

Content = Union[bytes, Iterable[bytes], AsyncIterable[bytes]]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Config:
    """Where the daemon is and who asks."""

    base_url: str
    socket_path: Optional[str]
    api_key: Optional[str]

    @classmethod
    def find(cls, api_url: Optional[str], api_key: Optional[str]) -> Config:
        """What is not given comes from BRIG_API_URL and BRIG_API_KEY."""
        url = api_url or os.environ.get("BRIG_API_URL") or DEFAULT_URL
        key = api_key or os.environ.get("BRIG_API_KEY") or None
        if url.startswith("unix:"):
            path = url[len("unix:") :]
            if not path.startswith("/"):
                raise InvalidArgumentError(f"{url!r} is no API URL: unix: is followed by an absolute path")
            return cls("http://localhost", path, key)
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidArgumentError(f"{url!r} is no API URL: http://HOST:PORT, https://HOST or unix:/PATH is expected")
        return cls(url.rstrip("/"), None, key)


@dataclasses.dataclass(frozen=True)
class Call:
    """One request."""

    method: str
    path: str
    content: Optional[Content] = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: Sending it twice does what sending it once does.
    is_repeatable: bool = False
    #: Of silence before the connection counts as broken. None: the client's own; infinity: the answer may take any time.
    silence_seconds: Optional[float] = None


@dataclasses.dataclass(frozen=True)
class Reply:
    status: int
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


Op = Generator[Call, Reply, T]


def call(
    method: str,
    path: str,
    *,
    params: Optional[Mapping[str, str]] = None,
    body: Optional[Mapping[str, Any]] = None,
    content: Optional[Content] = None,
    headers: Optional[Mapping[str, str]] = None,
    is_repeatable: Optional[bool] = None,
    silence_seconds: Optional[float] = None,
) -> Call:
    given: Dict[str, str] = dict(headers or {})
    if params:
        path += "?" + urlencode(params, quote_via=quote)
    if body is not None:
        content = json.dumps(body, allow_nan=False).encode()
        given["Content-Type"] = "application/json"
    if is_repeatable is None:
        is_repeatable = method in ("GET", "DELETE")
    return Call(method, path, content, given, is_repeatable, silence_seconds)


def retry_delay(asked: Call, attempt: int, most: int, error: BrigError, retry_after: Optional[str]) -> Optional[float]:
    """Seconds to wait before `asked` is sent again after its attempt number `attempt` (from 0) failed; None: it is not."""
    if not asked.is_repeatable or attempt >= most:
        return None
    is_ours_in_progress = isinstance(error, ConflictError) and attempt > 0 and "Idempotency-Key" in asked.headers
    if not isinstance(error, ConnectionFailedError) and error.status not in (429, 503) and not is_ours_in_progress:
        return None
    delay = backoff(attempt)
    try:
        return max(delay, min(float(retry_after or 0), 30.0))
    except ValueError:  # a date: nobody sends these
        return delay


def backoff(attempt: int) -> float:
    """Seconds: 0.1, 0.2, 0.4, … up to 5, each between half and the whole of it, so that many clients do not come back at once."""
    return min(5.0, 0.1 * float(2**attempt)) * random.uniform(0.5, 1.0)


def text_of(reply: Reply) -> str:
    return reply.body.decode()
