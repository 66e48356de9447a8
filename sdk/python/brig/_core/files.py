"""Requests about files."""

from __future__ import annotations

import io
import os
import tarfile
from typing import IO, Iterator, Optional, Tuple, Union

from .._errors import BrigError, InvalidArgumentError
from .._types import FileEntry, Listing
from .calls import PIECE, Call, Content, Op, call
from .sandboxes import sandbox_path

def files_path(id: str, what: str = "") -> str:
    return f"{sandbox_path(id)}/fs{what}"


def read_call(id: str, path: str) -> Call:
    return call("GET", files_path(id), params={"path": path})


def read(id: str, path: str) -> Op[bytes]:
    return (yield read_call(id, path)).body


def write(id: str, path: str, content: Content, exclusive: bool) -> Op[int]:
    params = {"path": path}
    if exclusive:
        params["exclusive"] = "1"
    is_repeatable = isinstance(content, bytes) and not exclusive
    asked = call("PUT", files_path(id), params=params, content=content, is_repeatable=is_repeatable)
    written: int = (yield asked).json()["bytes"]
    return written


def list_folder(id: str, path: str) -> Op[Listing]:
    answer = (yield call("GET", files_path(id, "/dir"), params={"path": path})).json()
    folder = answer["path"].rstrip("/")
    listing = Listing(FileEntry.from_json(item, f"{folder}/{item['name']}") for item in answer["entries"])
    listing.is_truncated = answer["is_truncated"]
    return listing


def stat(id: str, path: str) -> Op[FileEntry]:
    answer = (yield call("GET", files_path(id, "/stat"), params={"path": path})).json()
    return FileEntry.from_json(answer, answer["path"])


def exists(id: str, path: str) -> Op[bool]:
    try:
        yield from stat(id, path)
    except BrigError as error:
        if error.code in ("no_such_file", "not_a_folder"):
            return False
        raise  # also "not_found": without its sandbox there is no answer
    return True


def make_dir(id: str, path: str) -> Op[None]:
    yield call("POST", files_path(id, "/mkdir"), body={"path": path}, is_repeatable=True)


def move(id: str, source: str, target: str) -> Op[None]:
    yield call("POST", files_path(id, "/move"), body={"from": source, "to": target})


def remove(id: str, path: str, recursive: bool) -> Op[None]:
    params = {"path": path}
    if recursive:
        params["recursive"] = "1"
    yield call("DELETE", files_path(id), params=params)


def chmod(id: str, path: str, mode: int) -> Op[None]:
    yield call("POST", files_path(id, "/chmod"), body={"path": path, "mode": mode}, is_repeatable=True)


# Whole folders, as tar


def read_tar_call(id: str, path: str, gzip: bool) -> Call:
    params = {"path": path}
    if gzip:
        params["gzip"] = "1"
    return call("GET", files_path(id, "/tar"), params=params)


def write_tar(id: str, path: str, content: Content) -> Op[None]:
    # Unpacking twice is unpacking once: what is there is replaced.
    is_repeatable = isinstance(content, bytes)
    # The sandbox unpacks at its own pace.
    yield call(
        "PUT", files_path(id, "/tar"), params={"path": path}, content=content, is_repeatable=is_repeatable, silence_seconds=float("inf")
    )


def tar_of(folder: Union[str, "os.PathLike[str]"]) -> Iterator[bytes]:
    """A tar of a folder of this machine, made as it is read: its files, folders and symbolic links, with permissions and times."""
    top = os.fspath(folder)
    if not os.path.isdir(top):
        raise InvalidArgumentError(f"{top!r} is no folder")
    size = 0
    for place, name in _below(top):
        # An archive of its own for each, or a file's second name would become a link to its first.
        entry = tarfile.TarFile(fileobj=io.BytesIO(), mode="w").gettarinfo(place, name)
        if entry is None:
            continue  # a socket
        if not (entry.isreg() or entry.isdir() or entry.issym()):
            continue
        # Inside there is one user.
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        header = entry.tobuf(tarfile.PAX_FORMAT)
        size += len(header)
        yield header
        if entry.isreg():
            with open(place, "rb") as file:
                yield from _contents(file, entry.size, place)
            padding = -entry.size % tarfile.BLOCKSIZE
            size += entry.size + padding
            yield bytes(padding)
    yield bytes(2 * tarfile.BLOCKSIZE + -(size + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE)


def _below(top: str) -> Iterator[Tuple[str, str]]:
    """(path here, name in the archive) of everything below a folder, folders before what is in them."""
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(folders + files):
            place = os.path.join(folder, name)
            yield place, os.path.relpath(place, top)


def _contents(file: IO[bytes], size: int, place: str) -> Iterator[bytes]:
    """Exactly so many bytes, as the header has said."""
    while size > 0:
        piece = file.read(min(PIECE, size))
        if not piece:
            raise BrigError(f"{place} became shorter while it was read")
        size -= len(piece)
        yield piece
