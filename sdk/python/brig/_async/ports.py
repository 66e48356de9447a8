"""Servers inside, for asyncio."""

from __future__ import annotations

import asyncio
import time
from typing import Dict, List

from .. import _core as core
from .._http import AsyncClient
from .._types import PortInfo, Preview


class AsyncPorts:
    """As Ports."""

    def __init__(self, client: AsyncClient, sandbox_id: str) -> None:
        self._client = client
        self._id = sandbox_id

    async def list(self) -> List[PortInfo]:
        """As Ports.list()."""
        return await self._client._run(core.ports(self._id))

    async def wait(self, port: int, timeout_seconds: float = 30.0) -> None:
        """As Ports.wait()."""
        give_up = time.monotonic() + timeout_seconds
        while not await self._client._run(core.is_listening(self._id, port, give_up)):
            await asyncio.sleep(core.PORT_STEP_SECONDS)

    def url(self, port: int, path: str = "/") -> str:
        """As Ports.url()."""
        return self._client._config.base_url + core.port_path(self._id, port) + "/" + path.lstrip("/")

    @property
    def headers(self) -> Dict[str, str]:
        """As Ports.headers."""
        key = self._client._config.api_key
        return {} if key is None else {"Authorization": "Bearer " + key}

    async def preview(self, port: int, *, expires_in_seconds: float = 3600.0) -> Preview:
        """As Ports.preview()."""
        return await self._client._run(core.preview(self._id, port, expires_in_seconds))
