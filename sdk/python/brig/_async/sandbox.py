"""Sandboxes, for asyncio. The twin of _sync, where the docs are: every method takes, returns and raises the same."""

from __future__ import annotations

import inspect
from contextlib import AsyncExitStack
from types import TracebackType
from typing import (
    Any, AsyncIterator, Awaitable, Callable, Dict, Generator, List, Literal, Mapping, Optional, Sequence, Tuple, Type, Union, cast, overload,
)  # fmt: skip

from .. import _core as core
from .._errors import BrigError, CommandError, InvalidArgumentError
from .._http import AsyncClient
from .._types import Event, Lifetime, LogLine, Metrics, Promotion, Result, RuntimeInfo, SandboxInfo, TemplateInfo
from .code import AsyncCodeInterpreter
from .filesystem import AsyncFilesystem
from .ports import AsyncPorts
from .process import AsyncProcess, AsyncProcesses, AsyncTerminal
from .snapshot import AsyncSnapshot

OnText = Callable[[str], Union[object, Awaitable[object]]]


class PendingSandbox:
    """A sandbox that is about to be: `async with AsyncSandbox.create() as sbx:` or `sbx = await AsyncSandbox.create()`."""

    def __init__(self, begin: Callable[[], Awaitable[AsyncSandbox]]) -> None:
        self._begin = begin
        self._sandbox: Optional[AsyncSandbox] = None

    def __await__(self) -> Generator[Any, None, AsyncSandbox]:
        return self._begin().__await__()

    async def __aenter__(self) -> AsyncSandbox:
        self._sandbox = await self._begin()
        return self._sandbox

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        assert self._sandbox is not None
        await self._sandbox.__aexit__(kind, error, trace)


class AsyncSandbox(AsyncCodeInterpreter):
    """As Sandbox, for the tasks of one event loop."""

    def __init__(self, client: AsyncClient, info: SandboxInfo, *, owns_client: bool, owns_sandbox: bool) -> None:
        """Not to be called: create() and connect() make sandboxes."""
        self._client = client
        self._known = info
        self._owns_client = owns_client
        self._owns_sandbox = owns_sandbox
        self.id: str = info.id
        self.processes = AsyncProcesses(client, info.id)
        self.filesystem = AsyncFilesystem(client, info.id)
        self.ports = AsyncPorts(client, info.id)

    def __repr__(self) -> str:
        return f"AsyncSandbox({self.id!r})"

    @classmethod
    def create(
        cls,
        template: Optional[str] = None,
        *,
        from_snapshot: Optional[str] = None,
        ttl_seconds: Optional[float] = None,
        idle_seconds: Optional[float] = None,
        persistent: bool = False,
        metadata: Optional[Mapping[str, str]] = None,
        envs: Optional[Mapping[str, str]] = None,
        limits: Optional[Mapping[str, Union[int, float, str]]] = None,
        policy: Optional[str] = None,
        require: Optional[str] = None,
        runtime: Optional[str] = None,
        libraries: Optional[Sequence[str]] = None,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> PendingSandbox:
        """As Sandbox.create(), to be awaited or entered with `async with`."""
        body = core.create_body(template, ttl_seconds, idle_seconds, persistent, metadata, envs, limits, policy, require, from_snapshot, runtime, libraries)
        return PendingSandbox(lambda: cls._begin(core.create(body), client, api_url, api_key, owns_sandbox=True))

    @classmethod
    def connect(
        cls, id: str, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[AsyncClient] = None
    ) -> PendingSandbox:
        """As Sandbox.connect(), to be awaited or entered with `async with`, which leaves it running."""
        return PendingSandbox(lambda: cls._begin(core.connect(id), client, api_url, api_key, owns_sandbox=False))

    @classmethod
    async def _begin(
        cls,
        op: core.Op[SandboxInfo],
        client: Optional[AsyncClient],
        api_url: Optional[str],
        api_key: Optional[str],
        owns_sandbox: bool,
    ) -> AsyncSandbox:
        used = client or AsyncClient(api_url, api_key)
        try:
            return cls(used, await used._run(op), owns_client=client is None, owns_sandbox=owns_sandbox)
        except BaseException:
            if client is None:
                await used.close()
            raise

    @classmethod
    async def list(
        cls,
        *,
        states: Optional[Sequence[str]] = None,
        metadata: Optional[Mapping[str, str]] = None,
        template: Optional[str] = None,
        page_size: int = 100,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> AsyncIterator[SandboxInfo]:
        """As Sandbox.list(): `async for info in AsyncSandbox.list():`."""
        used = client or AsyncClient(api_url, api_key)
        try:
            cursor: Optional[str] = None
            while True:
                items, cursor = await used._run(core.page(states, metadata, template, page_size, cursor))
                for item in items:
                    yield item
                if cursor is None:
                    return
        finally:
            if client is None:
                await used.close()

    @classmethod
    async def events(
        cls,
        *,
        sandbox_id: Optional[str] = None,
        after: Optional[str] = None,
        from_oldest: bool = False,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[AsyncClient] = None,
    ) -> AsyncIterator[Event]:
        """As Sandbox.events(): `async for event in AsyncSandbox.events():`."""
        used = client or AsyncClient(api_url, api_key)
        events = used._follow(core.EventFollower(sandbox_id, after, from_oldest))
        try:
            async for event in events:
                yield event
        finally:
            await cast(Any, events).aclose()
            if client is None:
                await used.close()

    @classmethod
    async def templates(
        cls, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[AsyncClient] = None
    ) -> List[TemplateInfo]:
        """As Sandbox.templates()."""
        used = client or AsyncClient(api_url, api_key)
        try:
            return await used._run(core.templates())
        finally:
            if client is None:
                await used.close()

    @classmethod
    async def runtimes(
        cls, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[AsyncClient] = None
    ) -> List[RuntimeInfo]:
        """As Sandbox.runtimes()."""
        used = client or AsyncClient(api_url, api_key)
        try:
            return await used._run(core.runtimes())
        finally:
            if client is None:
                await used.close()

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            if self._owns_sandbox:
                await self.kill()
        except BrigError:
            if error is None:
                raise
        finally:
            await self.close()

    async def close(self) -> None:
        """As Sandbox.close()."""
        if self._owns_client:
            await self._client.close()

    async def info(self) -> SandboxInfo:
        """As Sandbox.info()."""
        return await self._client._run(core.info(self.id))

    async def attestation(self) -> Dict[str, Any]:
        """As Sandbox.attestation()."""
        return await self._client._run(core.attestation(self.id))

    async def kill(self) -> bool:
        """As Sandbox.kill()."""
        return await self._client._run(core.kill(self.id))

    async def pause(self) -> None:
        """As Sandbox.pause()."""
        await self._client._run(core.act(self.id, "pause"))

    async def resume(self) -> None:
        """As Sandbox.resume()."""
        await self._client._run(core.act(self.id, "resume"))

    async def hibernate(self) -> None:
        """As Sandbox.hibernate()."""
        await self._client._run(core.act(self.id, "hibernate"))

    async def wake(self) -> None:
        """As Sandbox.wake()."""
        await self._client._run(core.act(self.id, "wake"))

    async def snapshot(self) -> AsyncSnapshot:
        """As Sandbox.snapshot()."""
        return AsyncSnapshot(self._client, await self._client._run(core.take_snapshot(self.id)))

    async def fork(self, *, metadata: Optional[Mapping[str, str]] = None) -> AsyncSandbox:
        """As Sandbox.fork(): `async with await sandbox.fork() as child:`."""
        return self._child(await self._client._run(core.fork(self.id, metadata)))

    async def fork_tree(self, count: int, *, metadata: Optional[Mapping[str, str]] = None) -> AsyncForkTree:
        """As Sandbox.fork_tree()."""
        tree, children, errors = await self._client._run(core.fork_tree(self.id, count, metadata))
        return AsyncForkTree(tree, tuple(self._child(child) for child in children), errors)

    async def promote(self, *, tree_id: Optional[str] = None, cleanup_siblings: bool = True) -> Promotion:
        """As Sandbox.promote()."""
        return await self._client._run(core.promote(self.id, tree_id, cleanup_siblings))

    def _child(self, info: SandboxInfo) -> AsyncSandbox:
        client = self._client._twin() if self._owns_client else self._client
        return AsyncSandbox(client, info, owns_client=client is not self._client, owns_sandbox=True)

    async def lifetime(self) -> Lifetime:
        """As Sandbox.lifetime()."""
        return await self._client._run(core.lifetime(self.id))

    async def set_ttl(self, ttl_seconds: Optional[float]) -> Lifetime:
        """As Sandbox.set_ttl()."""
        return await self._client._run(core.set_ttl(self.id, ttl_seconds))

    async def set_idle(self, idle_seconds: Optional[float]) -> Lifetime:
        """As Sandbox.set_idle()."""
        return await self._client._run(core.set_idle(self.id, idle_seconds))

    async def metrics(self) -> Metrics:
        """As Sandbox.metrics()."""
        return await self._client._run(core.metrics(self.id))

    async def logs(self, stream: Optional[str] = None) -> str:
        """As Sandbox.logs()."""
        return await self._client._run(core.logs(self.id, stream))

    def follow_logs(self, stream: Optional[str] = None) -> AsyncIterator[LogLine]:
        """As Sandbox.follow_logs(): `async for line in sandbox.follow_logs():`."""
        return self._client._follow(core.LogFollower(self.id, stream))

    async def terminal(
        self,
        command: core.Command = "exec bash",
        *,
        rows: int = 24,
        columns: int = 80,
        cwd: Optional[str] = None,
        env: Optional[Mapping[str, str]] = None,
        timeout_seconds: Optional[float] = None,
    ) -> AsyncTerminal:
        """As Sandbox.terminal()."""
        asked = core.Exec(command, cwd, env, None, timeout_seconds, terminal=(rows, columns))
        return AsyncTerminal(self._client, self.id, await self._client._run(core.start(self.id, asked)))

    @overload
    async def exec(
        self,
        command: core.Command,
        *,
        cwd: Optional[str] = ...,
        env: Optional[Mapping[str, str]] = ...,
        stdin: Union[None, str, bytes] = ...,
        timeout_seconds: Optional[float] = ...,
        on_stdout: Optional[OnText] = ...,
        on_stderr: Optional[OnText] = ...,
        check: bool = ...,
        background: Literal[False] = ...,
    ) -> Result: ...

    @overload
    async def exec(
        self,
        command: core.Command,
        *,
        cwd: Optional[str] = ...,
        env: Optional[Mapping[str, str]] = ...,
        stdin: Union[None, bool, str, bytes] = ...,
        timeout_seconds: Optional[float] = ...,
        background: Literal[True],
    ) -> AsyncProcess: ...

    async def exec(
        self,
        command: core.Command,
        *,
        cwd: Optional[str] = None,
        env: Optional[Mapping[str, str]] = None,
        stdin: Union[None, bool, str, bytes] = None,
        timeout_seconds: Optional[float] = None,
        on_stdout: Optional[OnText] = None,
        on_stderr: Optional[OnText] = None,
        check: bool = False,
        background: bool = False,
    ) -> Union[Result, AsyncProcess]:
        """As Sandbox.exec(); the callbacks may be coroutine functions."""
        asked = core.Exec(command, cwd, env, stdin, timeout_seconds)
        if background:
            if check or on_stdout or on_stderr:
                raise InvalidArgumentError("check, on_stdout and on_stderr need a command in the foreground; AsyncProcess.stream() follows")
            return AsyncProcess(self._client, self.id, await self._client._run(core.start(self.id, asked)))
        default = self._known.limits.timeout_seconds if self._known.limits else None
        if on_stdout or on_stderr:
            result = await self._exec_streamed(asked, default, on_stdout, on_stderr)
        else:
            result = await self._client._run(core.run(self.id, asked, default))
        if check and not result.ok:
            raise CommandError(result)
        return result

    async def _exec_streamed(
        self, asked: core.Exec, default: Optional[float], on_stdout: Optional[OnText], on_stderr: Optional[OnText]
    ) -> Result:
        process: Optional[str] = None
        if asked.needs_own_stdin():
            process = (await self._client._run(core.start(self.id, asked, default))).id
        follower = core.Follower(self.id, process, asked)
        decoders = core.Decoders()
        callbacks = {"stdout": on_stdout, "stderr": on_stderr}
        pieces = self._client._follow(follower)
        try:
            async for piece in pieces:
                await _tell(callbacks[piece.stream], decoders.feed(piece))
        finally:
            await cast(Any, pieces).aclose()
        for stream, callback in callbacks.items():
            await _tell(callback, decoders.rest(stream))
        return await self._client._run(follower.result())


async def _tell(callback: Optional[OnText], text: str) -> None:
    if callback and text:
        answer = callback(text)
        if inspect.isawaitable(answer):
            await answer


class AsyncForkTree:
    """As ForkTree: `async with await sandbox.fork_tree(3) as tree:`."""

    def __init__(self, id: str, children: Tuple[AsyncSandbox, ...], errors: Tuple[str, ...]) -> None:
        self.id = id
        self.children = children
        self.errors = errors
        self._winner: Optional[str] = None

    async def promote(self, winner: AsyncSandbox) -> Promotion:
        """As ForkTree.promote()."""
        promotion = await winner.promote(tree_id=self.id)
        self._winner = winner.id
        return promotion

    async def __aenter__(self) -> AsyncForkTree:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        async with AsyncExitStack() as ends:
            for child in self.children:
                if child.id != self._winner:
                    ends.push_async_exit(child)
