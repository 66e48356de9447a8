"""Commands that run, for asyncio."""

from __future__ import annotations

from typing import Any, AsyncIterator, List, Optional, Union, cast

from .. import _core as core
from .._http import AsyncClient
from .._types import Output, ProcessInfo, Result


class AsyncProcesses:
    """As Processes."""

    def __init__(self, client: AsyncClient, sandbox_id: str) -> None:
        self._client = client
        self._sandbox_id = sandbox_id

    async def list(self) -> List[ProcessInfo]:
        return await self._client._run(core.processes(self._sandbox_id))

    async def get(self, id: str) -> Union[AsyncProcess, AsyncTerminal]:
        """As Processes.get()."""
        info = await self._client._run(core.process(self._sandbox_id, id))
        return (AsyncTerminal if info.terminal else AsyncProcess)(self._client, self._sandbox_id, info)


class AsyncProcess:
    """As Process."""

    def __init__(self, client: AsyncClient, sandbox_id: str, info: ProcessInfo) -> None:
        self._client = client
        self._sandbox_id = sandbox_id
        self.id: str = info.id
        self.pid: int = info.pid

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, pid={self.pid})"

    async def info(self) -> ProcessInfo:
        return await self._client._run(core.process(self._sandbox_id, self.id))

    async def wait(self, timeout_seconds: Optional[float] = None) -> Result:
        """As Process.wait()."""
        return await self._client._run(core.wait(self._sandbox_id, self.id, timeout_seconds))

    async def signal(self, signal: Union[int, str]) -> None:
        """As Process.signal()."""
        await self._client._run(core.signal(self._sandbox_id, self.id, signal))

    async def kill(self) -> None:
        """As Process.kill()."""
        await self._client._run(core.kill_process(self._sandbox_id, self.id))

    async def send_stdin(self, data: Union[str, bytes]) -> None:
        """As Process.send_stdin()."""
        await self._client._run(core.send_stdin(self._sandbox_id, self.id, data))

    async def close_stdin(self) -> None:
        """As Process.close_stdin()."""
        await self._client._run(core.close_stdin(self._sandbox_id, self.id))

    def stream(self, stdout_offset: int = 0, stderr_offset: int = 0) -> AsyncIterator[Output]:
        """As Process.stream(): `async for piece in process.stream():`."""
        follower = core.Follower(self._sandbox_id, self.id, None, stdout_offset, stderr_offset)
        return self._client._follow(follower)

    async def output(self, stream: str = "stdout", offset: int = 0) -> bytes:
        """As Process.output()."""
        return await self._client._run(core.output(self._sandbox_id, self.id, stream, offset))


class AsyncTerminal(AsyncProcess):
    """As Terminal."""

    async def write(self, data: Union[str, bytes]) -> None:
        """As Terminal.write()."""
        await self.send_stdin(data)

    async def read(self, offset: int = 0) -> AsyncIterator[bytes]:
        """As Terminal.read(): `async for data in terminal.read():`."""
        pieces = self.stream(offset)
        try:
            async for piece in pieces:
                yield piece.data
        finally:
            await cast(Any, pieces).aclose()

    async def resize(self, rows: int, columns: int) -> None:
        """As Terminal.resize()."""
        await self._client._run(core.resize(self._sandbox_id, self.id, rows, columns))
