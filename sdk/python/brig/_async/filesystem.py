"""Files inside, for asyncio."""

from __future__ import annotations

import asyncio
import os
from types import TracebackType
from typing import (
    IO, Any, AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Literal, Optional, Type, Union, cast, overload,
)  # fmt: skip

from .. import _core as core
from .._errors import InvalidArgumentError
from .._http import AsyncClient
from .._types import FileChange, FileEntry, Listing

Data = Union[str, bytes, IO[bytes], IO[str], Iterable[bytes], AsyncIterable[bytes]]
Path = Union[str, "os.PathLike[str]"]


class AsyncFilesystem:
    """As Filesystem. Files of this machine are read and written in a thread."""

    def __init__(self, client: AsyncClient, sandbox_id: str) -> None:
        self._client = client
        self._id = sandbox_id

    @overload
    async def read(self, path: str, format: Literal["text"] = ...) -> str: ...
    @overload
    async def read(self, path: str, format: Literal["bytes"]) -> bytes: ...
    @overload
    async def read(self, path: str, format: Literal["stream"]) -> AsyncIterator[bytes]: ...

    async def read(self, path: str, format: str = "text") -> Union[str, bytes, AsyncIterator[bytes]]:
        """As Filesystem.read(): `async for piece in await fs.read(path, "stream"):`."""
        if format == "stream":
            return self._read_stream(path)
        if format not in ("text", "bytes"):
            raise InvalidArgumentError(f"format {format!r}: \"text\", \"bytes\" or \"stream\" is expected")
        content = await self._client._run(core.read(self._id, path))
        return content if format == "bytes" else content.decode()

    async def _read_stream(self, path: str) -> AsyncIterator[bytes]:
        async with self._client._open(core.read_call(self._id, path)) as response:
            async for piece in response.aiter_bytes(core.PIECE):
                yield piece

    async def write(self, path: str, data: Data, *, exclusive: bool = False) -> int:
        """As Filesystem.write(); `data` may be an asynchronous iterable of bytes, too."""
        return await self._client._run(core.write(self._id, path, _content(data), exclusive))

    async def list(self, path: str) -> Listing:
        """As Filesystem.list()."""
        return await self._client._run(core.list_folder(self._id, path))

    async def stat(self, path: str) -> FileEntry:
        return await self._client._run(core.stat(self._id, path))

    async def exists(self, path: str) -> bool:
        return await self._client._run(core.exists(self._id, path))

    async def make_dir(self, path: str) -> None:
        """As Filesystem.make_dir()."""
        await self._client._run(core.make_dir(self._id, path))

    async def move(self, source: str, target: str) -> None:
        """As Filesystem.move()."""
        await self._client._run(core.move(self._id, source, target))

    async def remove(self, path: str, *, recursive: bool = False) -> None:
        """As Filesystem.remove()."""
        await self._client._run(core.remove(self._id, path, recursive))

    async def chmod(self, path: str, mode: int) -> None:
        """As Filesystem.chmod()."""
        await self._client._run(core.chmod(self._id, path, mode))

    async def download(self, path: str, local_path: Path) -> int:
        """As Filesystem.download()."""
        return await _save(self._read_stream(path), local_path)

    async def upload(self, local_path: Path, path: str) -> int:
        """As Filesystem.upload()."""
        with open(local_path, "rb") as file:
            return await self.write(path, file)

    async def write_tar(self, path: str, archive: Data) -> None:
        """As Filesystem.write_tar()."""
        await self._client._run(core.write_tar(self._id, path, _content(archive)))

    async def read_tar(self, path: str, *, gzip: bool = False) -> AsyncIterator[bytes]:
        """As Filesystem.read_tar(): `async for piece in files.read_tar(path):`."""
        async with self._client._open(core.read_tar_call(self._id, path, gzip)) as response:
            async for piece in response.aiter_bytes(core.PIECE):
                yield piece

    async def upload_dir(self, local_folder: Path, path: str) -> None:
        """As Filesystem.upload_dir()."""
        await self._client._run(core.write_tar(self._id, path, _in_thread(core.tar_of(local_folder))))

    async def download_tar(self, path: str, local_path: Path, *, gzip: bool = False) -> int:
        """As Filesystem.download_tar()."""
        return await _save(self.read_tar(path, gzip=gzip), local_path)

    def watch(self, path: str, *, recursive: bool = False) -> AsyncWatch:
        """As Filesystem.watch(): `async with files.watch(path) as changes: async for change in changes:`. Inside the block nothing is missed."""
        return AsyncWatch(self._client._follow(core.Watcher(self._id, path, recursive)))


class AsyncWatch:
    """As Watch. It begins where the block does."""

    def __init__(self, changes: AsyncIterator[Optional[FileChange]]) -> None:
        self._changes = changes
        self._is_begun = False

    def __aiter__(self) -> AsyncIterator[FileChange]:
        return self

    async def __anext__(self) -> FileChange:
        await self._begin()
        change = await self._changes.__anext__()
        assert change is not None
        return change

    async def __aenter__(self) -> AsyncWatch:
        await self._begin()
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Stops watching."""
        await cast(Any, self._changes).aclose()

    async def _begin(self) -> None:
        if not self._is_begun:
            self._is_begun = True
            async for _ in self._changes:  # the daemon says that it watches
                break


async def _save(pieces: AsyncIterator[bytes], local_path: Path) -> int:
    """All of it or nothing."""
    local = os.fspath(local_path)
    partial = local + ".part"
    try:
        with open(partial, "wb") as file:
            async for piece in pieces:
                await asyncio.to_thread(file.write, piece)
            size = file.tell()
        os.replace(partial, local)
        return size
    except BaseException:
        if os.path.exists(partial):
            os.unlink(partial)
        raise
    finally:
        await cast(Any, pieces).aclose()


async def _in_thread(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Pieces that take their time to make."""
    while True:
        piece = await asyncio.to_thread(next, pieces, None)
        if piece is None:
            return
        yield piece


def _content(data: Data) -> Union[bytes, AsyncIterable[bytes]]:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    if isinstance(data, AsyncIterable):
        return data
    return _pieces(data)


async def _pieces(data: Union[IO[bytes], IO[str], Iterable[bytes]]) -> AsyncIterator[bytes]:
    read: Optional[Callable[[int], Union[str, bytes]]] = getattr(data, "read", None)
    if read is None:
        for part in cast(Iterable[bytes], data):
            yield part
        return
    while True:
        piece = await asyncio.to_thread(read, core.PIECE)
        if not piece:
            return
        yield piece.encode() if isinstance(piece, str) else piece
