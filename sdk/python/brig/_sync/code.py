"""The code interpreter, for code that waits."""

from __future__ import annotations

from typing import Any, Callable, List, Mapping, Optional, Union, cast

from .. import _core as core
from .._code import CodeContext, CodeResult, Execution, ExecutionError
from .._http import Client
from .._types import SandboxInfo

OnText = Callable[[str], object]
OnResult = Callable[[CodeResult], object]
OnError = Callable[[ExecutionError], object]


class CodeInterpreter:
    """A Sandbox's interpreters, which keep their state from cell to cell."""

    _client: Client
    _known: SandboxInfo
    id: str

    def run_code(
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
        """Runs a cell in an interpreter that keeps its state: variables, imports and the folder are there for the next one.

        Args:
            code: at most 10 MB. The value of a last expression is a result; so are figures, tables and what display() is given.
            language: "python" (the default), "javascript", "typescript", "bash", "java" or "r". Each has a context of its own, which its first cell
                starts.
            context: another one, of create_code_context().
            timeout_seconds: the cell is interrupted after so long (status "timeout") and the state is kept. Default: the sandbox's
                limits.timeout_seconds.
            envs: environment variables for this cell alone.
            cwd: changed to before the cell, and for those that follow.
            on_stdout, on_stderr, on_result, on_error: called while it runs. What they raise comes out of run_code(), and the cell is
                interrupted.

        Raises:
            InvalidArgumentError, NotFoundError (no such context), ConflictError (paused), QuotaError (64 cells wait already).
            How the cell itself ends is a value: an exception of the code is `error`. A cell whose connection breaks is interrupted.
        """
        asked = core.CellSpec(code, language, context, timeout_seconds, envs, cwd)
        most = self._known.limits.output_bytes if self._known.limits else core.OUTPUT_MOST
        follower = core.CellFollower(self.id, asked, most)
        callbacks = {"stdout": on_stdout, "stderr": on_stderr, "result": on_result, "error": on_error}
        pieces = self._client._follow(follower)
        try:
            for name, said in pieces:
                callback = cast(Optional[Callable[[core.Said], object]], callbacks[name])
                if callback:
                    callback(said)
        finally:
            cast(Any, pieces).close()
        return follower.execution()

    def create_code_context(
        self, language: Optional[str] = None, *, cwd: Optional[str] = None, envs: Optional[Mapping[str, str]] = None
    ) -> CodeContext:
        """Starts another interpreter, with a state of its own, and returns when it is ready.

        Args:
            language: "python" (the default), "javascript", "typescript", "bash", "java" or "r".
            cwd: default: the template's working folder.
            envs: added to the sandbox's own. BRIG_ENGINE="ipython" asks for IPython's shell where the template has it.

        Raises: InvalidArgumentError, NotFoundError (the template has no such interpreter), QuotaError (32 contexts at most),
            ConflictError (paused).
        """
        return self._client._run(core.create_context(self.id, language, cwd, envs))

    def list_code_contexts(self) -> List[CodeContext]:
        """Those there are, by age; a language's own from its first cell on, named as the language."""
        return self._client._run(core.contexts(self.id))

    def restart_code_context(self, context: Union[str, CodeContext]) -> None:
        """Ends its interpreter and the cell that runs; the next cell gets a new one, without the state."""
        self._client._run(core.act_on_context(self.id, context, "restart"))

    def interrupt_code_context(self, context: Union[str, CodeContext]) -> None:
        """Interrupts the cell that runs, if one does. The state is kept."""
        self._client._run(core.act_on_context(self.id, context, "interrupt"))

    def remove_code_context(self, context: Union[str, CodeContext]) -> bool:
        """Ends it for good. False if there is none of that id."""
        return self._client._run(core.remove_context(self.id, context))
