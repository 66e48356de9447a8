"""Kept states of sandboxes, for code that waits."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator, List, Optional

from .. import _core as core
from .._http import Client
from .._types import SnapshotInfo


class Snapshot:
    """The files of a sandbox at one moment. It stays until it is deleted, also without its sandbox.

    Attributes:
        id: for Sandbox.create(from_snapshot=id).
        info: of which sandbox, when, how large.
    """

    def __init__(self, client: Client, info: SnapshotInfo) -> None:
        """Not to be called: Sandbox.snapshot(), get() and list() make them."""
        self._client = client
        self.id: str = info.id
        self.info: SnapshotInfo = info

    def __repr__(self) -> str:
        return f"Snapshot({self.id!r})"

    @classmethod
    def list(
        cls,
        *,
        sandbox_id: Optional[str] = None,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> List[SnapshotInfo]:
        """This key's, the newest first; of that sandbox only, if one is named."""
        with _using(client, api_url, api_key) as used:
            return used._run(core.snapshots(sandbox_id))

    @classmethod
    def get(
        cls, id: str, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[Client] = None
    ) -> SnapshotInfo:
        """NotFoundError if this key has none of that id."""
        with _using(client, api_url, api_key) as used:
            return used._run(core.snapshot(id))

    @classmethod
    def remove(
        cls, id: str, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[Client] = None
    ) -> bool:
        """Deletes it. False if there was none. Sandboxes that began with it are not touched."""
        with _using(client, api_url, api_key) as used:
            return used._run(core.delete_snapshot(id))

    def delete(self) -> bool:
        """As remove()."""
        return self._client._run(core.delete_snapshot(self.id))


@contextmanager
def _using(client: Optional[Client], api_url: Optional[str], api_key: Optional[str]) -> Iterator[Client]:
    used = client or Client(api_url, api_key)
    try:
        yield used
    finally:
        if client is None:
            used.close()
