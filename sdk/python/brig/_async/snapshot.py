"""Kept states of sandboxes, for asyncio."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import AsyncIterator, List, Optional

from .. import _core as core
from .._http import AsyncClient
from .._types import SnapshotInfo


class AsyncSnapshot:
    """As Snapshot."""

    def __init__(self, client: AsyncClient, info: SnapshotInfo) -> None:
        self._client = client
        self.id: str = info.id
        self.info: SnapshotInfo = info

    def __repr__(self) -> str:
        return f"AsyncSnapshot({self.id!r})"

    @classmethod
    async def list(
        cls,
        *,
        sandbox_id: Optional[str] = None,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> List[SnapshotInfo]:
        """As Snapshot.list()."""
        async with _using(client, api_url, api_key) as used:
            return await used._run(core.snapshots(sandbox_id))

    @classmethod
    async def get(
        cls, id: str, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[AsyncClient] = None
    ) -> SnapshotInfo:
        """As Snapshot.get()."""
        async with _using(client, api_url, api_key) as used:
            return await used._run(core.snapshot(id))

    @classmethod
    async def remove(
        cls, id: str, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[AsyncClient] = None
    ) -> bool:
        """As Snapshot.remove()."""
        async with _using(client, api_url, api_key) as used:
            return await used._run(core.delete_snapshot(id))

    async def delete(self) -> bool:
        """As Snapshot.delete()."""
        return await self._client._run(core.delete_snapshot(self.id))


@asynccontextmanager
async def _using(client: Optional[AsyncClient], api_url: Optional[str], api_key: Optional[str]) -> AsyncIterator[AsyncClient]:
    used = client or AsyncClient(api_url, api_key)
    try:
        yield used
    finally:
        if client is None:
            await used.close()
