"""Servers inside, for code that waits."""

from __future__ import annotations

import time
from typing import Dict, List

from .. import _core as core
from .._http import Client
from .._types import PortInfo, Preview


class Ports:
    """The servers inside a sandbox that listen on 127.0.0.1 or everywhere, reached through the daemon: HTTP and WebSocket."""

    def __init__(self, client: Client, sandbox_id: str) -> None:
        self._client = client
        self._id = sandbox_id

    def list(self) -> List[PortInfo]:
        """Those that have a listener now."""
        return self._client._run(core.ports(self._id))

    def wait(self, port: int, timeout_seconds: float = 30.0) -> None:
        """Returns when something listens on that port; DeadlineError if nothing does by then."""
        give_up = time.monotonic() + timeout_seconds
        while not self._client._run(core.is_listening(self._id, port, give_up)):
            time.sleep(core.PORT_STEP_SECONDS)

    def url(self, port: int, path: str = "/") -> str:
        """Where that port is, for requests that carry the key (`headers`). For browsers and for those without a key: preview()."""
        return self._client._config.base_url + core.port_path(self._id, port) + "/" + path.lstrip("/")

    @property
    def headers(self) -> Dict[str, str]:
        """What a request to url() needs: `httpx.get(ports.url(8000), headers=ports.headers)`. The server inside does not see it."""
        key = self._client._config.api_key
        return {} if key is None else {"Authorization": "Bearer " + key}

    def preview(self, port: int, *, expires_in_seconds: float = 3600.0) -> Preview:
        """An address that opens that port without a key, until it expires (at most 7 days), the sandbox ends or the key does."""
        return self._client._run(core.preview(self._id, port, expires_in_seconds))
