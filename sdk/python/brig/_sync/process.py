"""Commands that run, for code that waits."""

from __future__ import annotations

from typing import Iterator, List, Optional, Union

from .. import _core as core
from .._http import Client
from .._types import Output, ProcessInfo, Result


class Processes:
    """The commands of a sandbox: those that run, and the last hundred that have ended."""

    def __init__(self, client: Client, sandbox_id: str) -> None:
        self._client = client
        self._sandbox_id = sandbox_id

    def list(self) -> List[ProcessInfo]:
        return self._client._run(core.processes(self._sandbox_id))

    def get(self, id: str) -> Union[Process, Terminal]:
        """A Terminal if it runs at one. NotFoundError if there is none, or it is forgotten."""
        info = self._client._run(core.process(self._sandbox_id, id))
        return (Terminal if info.terminal else Process)(self._client, self._sandbox_id, info)


class Process:
    """One command, running or ended. It goes on whoever listens.

    Attributes:
        id: names it in its sandbox.
        pid: its number inside the sandbox; 0 if it could not be started.
    """

    def __init__(self, client: Client, sandbox_id: str, info: ProcessInfo) -> None:
        """Not to be called: Sandbox.exec() and Processes.get() make them."""
        self._client = client
        self._sandbox_id = sandbox_id
        self.id: str = info.id
        self.pid: int = info.pid

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r}, pid={self.pid})"

    def info(self) -> ProcessInfo:
        return self._client._run(core.process(self._sandbox_id, self.id))

    def wait(self, timeout_seconds: Optional[float] = None) -> Result:
        """Its result, once it has ended. DeadlineError if that takes longer than `timeout_seconds`; it goes on then."""
        return self._client._run(core.wait(self._sandbox_id, self.id, timeout_seconds))

    def signal(self, signal: Union[int, str]) -> None:
        """Sends a signal: 15, "TERM" or "SIGTERM". ConflictError if it has ended."""
        self._client._run(core.signal(self._sandbox_id, self.id, signal))

    def kill(self) -> None:
        """SIGKILL; nothing if it has ended."""
        self._client._run(core.kill_process(self._sandbox_id, self.id))

    def send_stdin(self, data: Union[str, bytes]) -> None:
        """Writes to its input and returns when it is taken. ConflictError if the input is closed or was never open."""
        self._client._run(core.send_stdin(self._sandbox_id, self.id, data))

    def close_stdin(self) -> None:
        """The end of its input."""
        self._client._run(core.close_stdin(self._sandbox_id, self.id))

    def stream(self, stdout_offset: int = 0, stderr_offset: int = 0) -> Iterator[Output]:
        """What it prints, from these bytes on, until it ends. A connection that breaks is made again; nothing comes twice."""
        follower = core.Follower(self._sandbox_id, self.id, None, stdout_offset, stderr_offset)
        return self._client._follow(follower)

    def output(self, stream: str = "stdout", offset: int = 0) -> bytes:
        """The bytes that are kept of "stdout" or "stderr", from `offset` on, as far as there are any now."""
        return self._client._run(core.output(self._sandbox_id, self.id, stream, offset))


class Terminal(Process):
    """A command at a terminal. What it prints is in one stream, "stdout".

    To leave, stop reading: it goes on. To come back: `sandbox.processes.get(terminal.id)`, and read() from the offset where you were, or
    from 0 for all that it has shown. Input is sent as requests of their own and output comes as a stream, so that both outlive a
    broken connection; nothing but HTTP is needed on the way.
    """

    def write(self, data: Union[str, bytes]) -> None:
        """What is typed; returns when it is taken. "\\x03" is Ctrl-C, "\\x04" the end of input. ConflictError if it has ended."""
        self.send_stdin(data)

    def read(self, offset: int = 0) -> Iterator[bytes]:
        """What it shows, from that byte on, as it comes and until the command ends."""
        return (piece.data for piece in self.stream(offset))

    def resize(self, rows: int, columns: int) -> None:
        """Tells the program of the window's size. ConflictError if it has ended."""
        self._client._run(core.resize(self._sandbox_id, self.id, rows, columns))
