"""The code interpreter, for asyncio. The twin of _sync, where the docs are."""

from __future__ import annotations

import inspect
from typing import Any, Awaitable, Callable, List, Mapping, Optional, Union, cast

from .. import _core as core
from .._code import CodeContext, CodeResult, Execution, ExecutionError
from .._http import AsyncClient
from .._types import SandboxInfo

OnText = Callable[[str], Union[object, Awaitable[object]]]
OnResult = Callable[[CodeResult], Union[object, Awaitable[object]]]
OnError = Callable[[ExecutionError], Union[object, Awaitable[object]]]


class AsyncCodeInterpreter:
    """As CodeInterpreter, of an AsyncSandbox."""

    _client: AsyncClient
    _known: SandboxInfo
    id: str

    async def run_code(
        self,
        code: str,
        *,
        language: Optional[str] = None,
        context: Union[None, str, CodeContext] = None,
        timeout_seconds: Optional[float] = None,
        envs: Optional[Mapping[str, str]] = None,
        cwd: Optional[str] = None,
        on_stdout: Optional[OnText] = None,
        on_stderr: Optional[OnText] = None,
        on_result: Optional[OnResult] = None,
        on_error: Optional[OnError] = None,
    ) -> Execution:
        """As Sandbox.run_code(); the callbacks may be coroutine functions. A task that is cancelled has its cell interrupted."""
        asked = core.CellSpec(code, language, context, timeout_seconds, envs, cwd)
        most = self._known.limits.output_bytes if self._known.limits else core.OUTPUT_MOST
        follower = core.CellFollower(self.id, asked, most)
        callbacks = {"stdout": on_stdout, "stderr": on_stderr, "result": on_result, "error": on_error}
        pieces = self._client._follow(follower)
        try:
            async for name, said in pieces:
                callback = cast(Optional[Callable[[core.Said], object]], callbacks[name])
                answer = callback(said) if callback else None
                if inspect.isawaitable(answer):
                    await answer
        finally:
            await cast(Any, pieces).aclose()
        return follower.execution()

    async def create_code_context(
        self, language: Optional[str] = None, *, cwd: Optional[str] = None, envs: Optional[Mapping[str, str]] = None
    ) -> CodeContext:
        """As Sandbox.create_code_context()."""
        return await self._client._run(core.create_context(self.id, language, cwd, envs))

    async def list_code_contexts(self) -> List[CodeContext]:
        """As Sandbox.list_code_contexts()."""
        return await self._client._run(core.contexts(self.id))

    async def restart_code_context(self, context: Union[str, CodeContext]) -> None:
        """As Sandbox.restart_code_context()."""
        await self._client._run(core.act_on_context(self.id, context, "restart"))

    async def interrupt_code_context(self, context: Union[str, CodeContext]) -> None:
        """As Sandbox.interrupt_code_context()."""
        await self._client._run(core.act_on_context(self.id, context, "interrupt"))

    async def remove_code_context(self, context: Union[str, CodeContext]) -> bool:
        """As Sandbox.remove_code_context()."""
        return await self._client._run(core.remove_context(self.id, context))
