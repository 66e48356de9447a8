"""Templates of this key's own, for code that waits."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import Iterator, List, Optional, Union

from .. import _core as core
from .._errors import BrigError, DeadlineError
from .._http import Client
from .._types import TemplateBuild

Folder = Union[str, "os.PathLike[str]"]
LOOK_EVERY_SECONDS = 0.2


class Template:
    """What sandboxes are made from, made by a key that may (`brig keys create --may-build-templates`). Only that key sees it.

    Nothing to be instantiated: Sandbox.templates() lists them, Sandbox.create(template=NAME) uses one.
    """

    @classmethod
    def build(
        cls,
        name: str,
        dockerfile: Optional[str] = None,
        *,
        context: Optional[Folder] = None,
        cpus: Optional[float] = None,
        memory_mb: Optional[int] = None,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> TemplateBuild:
        """Asks for one made of a Dockerfile; wait() says what came of it.

        Args:
            name: lower-case letters, digits, ".", "_" and "-". One of this key's own is replaced when the new one is whole.
            dockerfile: its text; else the file Dockerfile in `context`.
            context: the folder that COPY takes from.
            cpus, memory_mb: of sandboxes that ask for nothing.
        """
        boundary = core.new_boundary()
        fields = core.build_fields(name, core.dockerfile_of(dockerfile, context), cpus, memory_mb)
        with _using(client, api_url, api_key) as used:
            return used._run(core.build_template(boundary, core.build_form(boundary, fields, context)))

    @classmethod
    def import_(
        cls,
        name: str,
        archive: Folder,
        *,
        image: Optional[str] = None,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> TemplateBuild:
        """The same of a file: an OCI layout as a tar, a `docker save` archive (`image`: which of several) or a tar of files."""
        with open(archive, "rb") as file, _using(client, api_url, api_key) as used:
            return used._run(core.import_template(name, core.pieces_of(file), image))

    @classmethod
    def wait(
        cls,
        build: Union[str, TemplateBuild],
        *,
        timeout_seconds: float = 1800.0,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> TemplateBuild:
        """The build when it is done. BrigError with its sentence if it failed, DeadlineError if it takes longer."""
        until = time.monotonic() + timeout_seconds
        with _using(client, api_url, api_key) as used:
            while True:
                now = used._run(core.template_build(core.id_of_build(build)))
                if now.status == "done":
                    return now
                if now.has_ended:
                    raise BrigError(f"the template {now.name} was not made: {now.error}")
                if time.monotonic() > until:
                    raise DeadlineError(f"the template {now.name} is not made after {timeout_seconds:g} s")
                time.sleep(LOOK_EVERY_SECONDS)

    @classmethod
    def builds(
        cls, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[Client] = None
    ) -> List[TemplateBuild]:
        """This key's, the newest first; a daemon forgets them when it is started again."""
        with _using(client, api_url, api_key) as used:
            return used._run(core.template_builds())

    @classmethod
    def log(
        cls,
        build: Union[str, TemplateBuild],
        *,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> str:
        """What was said so far."""
        with _using(client, api_url, api_key) as used:
            return used._run(core.build_log(core.id_of_build(build)))

    @classmethod
    def cancel(
        cls,
        build: Union[str, TemplateBuild],
        *,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> None:
        """Ends it; nothing comes of it. ConflictError if it has ended already."""
        with _using(client, api_url, api_key) as used:
            used._run(core.cancel_build(core.id_of_build(build)))

    @classmethod
    def delete(
        cls, name: str, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[Client] = None
    ) -> bool:
        """Removes one that this key had made. False if there was none. Sandboxes that run on it go on."""
        with _using(client, api_url, api_key) as used:
            return used._run(core.delete_template(name))


@contextmanager
def _using(client: Optional[Client], api_url: Optional[str], api_key: Optional[str]) -> Iterator[Client]:
    used = client or Client(api_url, api_key)
    try:
        yield used
    finally:
        if client is None:
            used.close()
