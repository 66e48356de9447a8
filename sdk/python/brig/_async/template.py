"""Templates of this key's own, for asyncio."""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import asynccontextmanager
from typing import AsyncIterator, List, Optional, Union

from .. import _core as core
from .._errors import BrigError, DeadlineError
from .._http import AsyncClient
from .._types import TemplateBuild
from .filesystem import _in_thread

Folder = Union[str, "os.PathLike[str]"]
LOOK_EVERY_SECONDS = 0.2


class AsyncTemplate:
    """As Template."""

    @classmethod
    async def build(
        cls,
        name: str,
        dockerfile: Optional[str] = None,
        *,
        context: Optional[Folder] = None,
        cpus: Optional[float] = None,
        memory_mb: Optional[int] = None,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> TemplateBuild:
        """As Template.build()."""
        boundary = core.new_boundary()
        fields = core.build_fields(name, core.dockerfile_of(dockerfile, context), cpus, memory_mb)
        async with _using(client, api_url, api_key) as used:
            return await used._run(core.build_template(boundary, _in_thread(core.build_form(boundary, fields, context))))

    @classmethod
    async def import_(
        cls,
        name: str,
        archive: Folder,
        *,
        image: Optional[str] = None,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> TemplateBuild:
        """As Template.import_()."""
        with open(archive, "rb") as file:
            async with _using(client, api_url, api_key) as used:
                return await used._run(core.import_template(name, _in_thread(core.pieces_of(file)), image))

    @classmethod
    async def wait(
        cls,
        build: Union[str, TemplateBuild],
        *,
        timeout_seconds: float = 1800.0,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> TemplateBuild:
        """As Template.wait()."""
        until = time.monotonic() + timeout_seconds
        async with _using(client, api_url, api_key) as used:
            while True:
                now = await used._run(core.template_build(core.id_of_build(build)))
                if now.status == "done":
                    return now
                if now.has_ended:
                    raise BrigError(f"the template {now.name} was not made: {now.error}")
                if time.monotonic() > until:
                    raise DeadlineError(f"the template {now.name} is not made after {timeout_seconds:g} s")
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    @classmethod
    async def builds(
        cls, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[AsyncClient] = None
    ) -> List[TemplateBuild]:
        """As Template.builds()."""
        async with _using(client, api_url, api_key) as used:
            return await used._run(core.template_builds())

    @classmethod
    async def log(
        cls,
        build: Union[str, TemplateBuild],
        *,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> str:
        """As Template.log()."""
        async with _using(client, api_url, api_key) as used:
            return await used._run(core.build_log(core.id_of_build(build)))

    @classmethod
    async def cancel(
        cls,
        build: Union[str, TemplateBuild],
        *,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> None:
        """As Template.cancel()."""
        async with _using(client, api_url, api_key) as used:
            await used._run(core.cancel_build(core.id_of_build(build)))

    @classmethod
    async def delete(
        cls, name: str, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[AsyncClient] = None
    ) -> bool:
        """As Template.delete()."""
        async with _using(client, api_url, api_key) as used:
            return await used._run(core.delete_template(name))


@asynccontextmanager
async def _using(client: Optional[AsyncClient], api_url: Optional[str], api_key: Optional[str]) -> AsyncIterator[AsyncClient]:
    used = client or AsyncClient(api_url, api_key)
    try:
        yield used
    finally:
        if client is None:
            await used.close()
