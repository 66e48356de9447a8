"""Files inside, for code that waits."""

from __future__ import annotations

import os
from types import TracebackType
from typing import IO, Callable, Iterable, Iterator, Literal, Optional, Type, Union, overload

from .. import _core as core
from .._errors import InvalidArgumentError
from .._http import Client
from .._types import FileChange, FileEntry, Listing

Data = Union[str, bytes, IO[bytes], IO[str], Iterable[bytes]]
Path = Union[str, "os.PathLike[str]"]


class Filesystem:
    """The files of a sandbox. Paths are absolute; what is left in /workspace is a program's usual place.

    NotFoundError (code "no_such_file"), PermissionDeniedError ("read_only", "denied"), ConflictError ("exists", "not_empty",
    "is_a_folder", "not_a_folder") and DiskFullError are what the kernel inside said.
    """

    def __init__(self, client: Client, sandbox_id: str) -> None:
        self._client = client
        self._id = sandbox_id

    @overload
    def read(self, path: str, format: Literal['text'] = ...) -> str: ...
    @overload
    def read(self, path: str, format: Literal['bytes']) -> bytes: ...
    @overload
    def read(self, path: str, format: Literal['stream']) -> Iterator[bytes]: ...

    def read(self, path: str, format: str = "text") -> Union[str, bytes, Iterator[bytes]]:
        """A file's content: "text" (UnicodeDecodeError if it is not UTF-8), "bytes", or "stream": pieces, for a file of any size."""
        if format == "stream":
            return self._read_stream(path)
        if format not in ("text", "bytes"):
            raise InvalidArgumentError(f"format {format!r}: \"text\", \"bytes\" or \"stream\" is expected")
        content = self._client._run(core.read(self._id, path))
        return content if format == "bytes" else content.decode()

    def _read_stream(self, path: str) -> Iterator[bytes]:
        with self._client._open(core.read_call(self._id, path)) as response:
            yield from response.iter_bytes(core.PIECE)

    def write(self, path: str, data: Data, *, exclusive: bool = False) -> int:
        """Writes a file, and the folders above it, and returns how many bytes that were.

        Args:
            data: a text (as UTF-8), bytes, an open file, or an iterable of bytes; the last two are sent in pieces, whatever their size.
            exclusive: ConflictError ("exists") if there is such a file.
        """
        return self._client._run(core.write(self._id, path, _content(data), exclusive))

    def list(self, path: str) -> Listing:
        """The entries of a folder, at most 10,000 (`is_truncated`)."""
        return self._client._run(core.list_folder(self._id, path))

    def stat(self, path: str) -> FileEntry:
        return self._client._run(core.stat(self._id, path))

    def exists(self, path: str) -> bool:
        return self._client._run(core.exists(self._id, path))

    def make_dir(self, path: str) -> None:
        """Makes a folder and those above it; one that is there stays as it is."""
        self._client._run(core.make_dir(self._id, path))

    def move(self, source: str, target: str) -> None:
        """Renames; a file at `target` is replaced."""
        self._client._run(core.move(self._id, source, target))

    def remove(self, path: str, *, recursive: bool = False) -> None:
        """Removes a file or folder; ConflictError ("not_empty") for a folder that has entries, unless `recursive`."""
        self._client._run(core.remove(self._id, path, recursive))

    def chmod(self, path: str, mode: int) -> None:
        """Sets permission bits, such as 0o755."""
        self._client._run(core.chmod(self._id, path, mode))

    def download(self, path: str, local_path: Path) -> int:
        """Copies a file of any size here, and returns its size. Nothing is at `local_path` unless all of it came."""
        return _save(self._read_stream(path), local_path)

    def upload(self, local_path: Path, path: str) -> int:
        """Copies a file of any size into the sandbox, and returns its size."""
        with open(local_path, "rb") as file:
            return self.write(path, file)

    def write_tar(self, path: str, archive: Data) -> None:
        """Unpacks a tar, or a gzip of one, below a folder, which is made. The sandbox's own tar does that, as its user, within its limits.

        Raises: InvalidArgumentError with code "refused_entry" (an absolute name, "..", a link that leads out, a device) or
            "bad_archive"; what came before it stays. DiskFullError.
        """
        self._client._run(core.write_tar(self._id, path, _content(archive)))

    def read_tar(self, path: str, *, gzip: bool = False) -> Iterator[bytes]:
        """A tar of what a folder contains, or of one file, in pieces. A sandbox made it: unpack it as what a stranger sent
        (tarfile's filter="data")."""
        with self._client._open(core.read_tar_call(self._id, path, gzip)) as response:
            yield from response.iter_bytes(core.PIECE)

    def upload_dir(self, local_folder: Path, path: str) -> None:
        """Copies what a folder of this machine contains into a folder inside, in constant memory. As write_tar()."""
        self._client._run(core.write_tar(self._id, path, core.tar_of(local_folder)))

    def download_tar(self, path: str, local_path: Path, *, gzip: bool = False) -> int:
        """Saves what read_tar() brings, and returns its size. Nothing is at `local_path` unless all of it came."""
        return _save(self.read_tar(path, gzip=gzip), local_path)

    def watch(self, path: str, *, recursive: bool = False) -> Watch:
        """Tells of changes of a file, or in a folder. Once this returns nothing is missed; if it is, that is said ("overflow").

        Raises: NotFoundError ("no_such_file"), ConflictError (paused), QuotaError (too many watches).
        """
        return Watch(self._client._follow(core.Watcher(self._id, path, recursive)))


class Watch:
    """Changes as they happen: `with files.watch(path) as changes: for change in changes:`. The loop ends when the watched place is gone.

    A connection that breaks is made again; what happened meanwhile is a change of type "overflow": look again.
    """

    def __init__(self, changes: Iterator[Optional[FileChange]]) -> None:
        self._changes = changes
        next(changes, None)  # the daemon says that it watches

    def __iter__(self) -> Iterator[FileChange]:
        return self

    def __next__(self) -> FileChange:
        change = next(self._changes)
        assert change is not None
        return change

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        """Stops watching."""
        self._changes.close()  # type: ignore[attr-defined]  # it is a generator


def _save(pieces: Iterator[bytes], local_path: Path) -> int:
    """All of it or nothing."""
    local = os.fspath(local_path)
    partial = local + ".part"
    try:
        with open(partial, "wb") as file:
            for piece in pieces:
                file.write(piece)
            size = file.tell()
        os.replace(partial, local)
        return size
    except BaseException:
        if os.path.exists(partial):
            os.unlink(partial)
        raise


def _content(data: Data) -> Union[bytes, Iterator[bytes]]:
    if isinstance(data, str):
        return data.encode()
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    return _pieces(data)


def _pieces(data: Union[IO[bytes], IO[str], Iterable[bytes]]) -> Iterator[bytes]:
    read: Optional[Callable[[int], Union[str, bytes]]] = getattr(data, "read", None)
    if read is None:
        yield from data  # type: ignore[misc]  # no file: an iterable of bytes
        return
    while True:
        piece = read(core.PIECE)
        if not piece:
            return
        yield piece.encode() if isinstance(piece, str) else piece
