"""Requests about templates that this key has made."""

from __future__ import annotations

import os
import secrets
from typing import IO, Dict, Iterator, List, Mapping, Optional, Union
from urllib.parse import quote

from .._errors import InvalidArgumentError, NotFoundError
from .._types import TemplateBuild
from .calls import PIECE, Content, Op, call, text_of
from .files import tar_of

BUILDS = "/v1/templates/builds"
Folder = Union[str, "os.PathLike[str]"]


def dockerfile_of(dockerfile: Optional[str], context: Optional[Folder]) -> str:
    if dockerfile is not None:
        return dockerfile
    if context is None:
        raise InvalidArgumentError("dockerfile, or a context with a Dockerfile in it, is wanted")
    with open(os.path.join(os.fspath(context), "Dockerfile"), encoding="utf-8") as file:
        return file.read()


def build_fields(name: str, dockerfile: str, cpus: Optional[float], memory_mb: Optional[int]) -> Dict[str, str]:
    fields = {"name": name, "dockerfile": dockerfile}
    if cpus is not None:
        fields["cpu"] = str(cpus)
    if memory_mb is not None:
        fields["memory_mb"] = str(memory_mb)
    return fields


def new_boundary() -> str:
    return "brig-" + secrets.token_hex(16)


def build_template(boundary: str, form: Content) -> Op[TemplateBuild]:
    headers = {"Content-Type": "multipart/form-data; boundary=" + boundary}
    reply = yield call("POST", "/v1/templates/build", content=form, headers=headers, is_repeatable=False)
    return TemplateBuild.from_json(reply.json())


def build_form(boundary: str, fields: Mapping[str, str], context: Optional[Folder]) -> Iterator[bytes]:
    """The form, made as it is read; `context` is a folder, which becomes a tar in it."""
    for name, value in fields.items():
        yield f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
    if context is not None:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="context"; filename="context.tar"\r\n'
        yield (head + "Content-Type: application/x-tar\r\n\r\n").encode()
        yield from tar_of(context)
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def import_template(name: str, content: Content, image: Optional[str]) -> Op[TemplateBuild]:
    params = {"name": name}
    if image is not None:
        params["image"] = image
    reply = yield call("POST", "/v1/templates/import", params=params, content=content, is_repeatable=False)
    return TemplateBuild.from_json(reply.json())


def pieces_of(file: IO[bytes]) -> Iterator[bytes]:
    while True:
        piece = file.read(PIECE)
        if not piece:
            return
        yield piece


def build_path(id: str) -> str:
    return f"{BUILDS}/{quote(id, safe='')}"


def template_builds() -> Op[List[TemplateBuild]]:
    answer = (yield call("GET", BUILDS)).json()
    return [TemplateBuild.from_json(item) for item in (answer if isinstance(answer, list) else answer["items"])]


def template_build(id: str) -> Op[TemplateBuild]:
    return TemplateBuild.from_json((yield call("GET", build_path(id))).json())


def build_log(id: str) -> Op[str]:
    return text_of((yield call("GET", build_path(id) + "/logs")))


def cancel_build(id: str) -> Op[None]:
    yield call("DELETE", build_path(id))


def delete_template(name: str) -> Op[bool]:
    try:
        yield call("DELETE", "/v1/templates/" + quote(name, safe=""))
    except NotFoundError:
        return False
    return True


def id_of_build(build: Union[str, TemplateBuild]) -> str:
    return build if isinstance(build, str) else build.id
