"""Requests about commands."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import quote

from .._errors import ConflictError, DeadlineError, InvalidArgumentError
from .._types import ProcessInfo, Result
from .calls import Op, call
from .sandboxes import sandbox_path

#: A longer input goes to the command in a request of its own: a JSON body may have 1 MiB.
STDIN_IN_BODY_MOST = 1 << 17
#: How long the daemon is asked to wait for the end of a command at a time.
WAIT_STEP_SECONDS = 20.0

Command = Union[str, Sequence[str]]

@dataclasses.dataclass(frozen=True)
class Exec:
    """A command that is to be run. `stdin`: None, nothing; text or bytes, that and its end; True, it stays open."""

    command: Command
    cwd: Optional[str] = None
    env: Optional[Mapping[str, str]] = None
    stdin: Union[None, bool, str, bytes] = None
    timeout_seconds: Optional[float] = None
    #: (rows, columns)
    terminal: Optional[Tuple[int, int]] = None

    def short_stdin(self) -> Optional[str]:
        """The input, if it can go along with the request."""
        if not isinstance(self.stdin, (str, bytes)) or len(self.stdin) > STDIN_IN_BODY_MOST:
            return None
        try:
            return self.stdin if isinstance(self.stdin, str) else self.stdin.decode()
        except UnicodeDecodeError:
            return None

    def needs_own_stdin(self) -> bool:
        return isinstance(self.stdin, (str, bytes)) and self.short_stdin() is None

    def body(self) -> Dict[str, Any]:
        body: Dict[str, Any] = {"cmd": self.command} if isinstance(self.command, str) else {"argv": list(self.command)}
        if self.cwd is not None:
            body["cwd"] = self.cwd
        if self.env is not None:
            body["env"] = dict(self.env)
        if self.timeout_seconds is not None:
            body["timeout_seconds"] = self.timeout_seconds
        if self.terminal is not None:
            body["terminal"] = {"rows": self.terminal[0], "cols": self.terminal[1]}
        short = self.short_stdin()
        if short is not None:
            body["stdin"] = short
        elif self.stdin is not None and self.stdin is not False:
            body["keep_stdin"] = True
        return body


def run(id: str, asked: Exec, default_timeout: Optional[float]) -> Op[Result]:
    """Runs a command to its end. Never repeated: it may have run."""
    if asked.stdin is True:
        raise InvalidArgumentError("stdin=True keeps the input of a command in the background open: say background=True")
    if not asked.needs_own_stdin():
        reply = yield call("POST", sandbox_path(id) + "/exec", body=asked.body(), silence_seconds=float("inf"))
        return Result.from_json(reply.json())
    started = yield from start(id, asked, default_timeout)
    return (yield from wait(id, started.id, None))


def start(id: str, asked: Exec, default_timeout: Optional[float] = None) -> Op[ProcessInfo]:
    """Starts a command in the background and gives it all of its input."""
    body = asked.body()
    body["background"] = True
    if default_timeout is not None:
        body.setdefault("timeout_seconds", default_timeout)
    reply = yield call("POST", sandbox_path(id) + "/exec", body=body)
    started = ProcessInfo.from_json(reply.json())
    if asked.needs_own_stdin():
        assert isinstance(asked.stdin, (str, bytes))
        try:
            yield from send_stdin(id, started.id, asked.stdin, close=True)
        except ConflictError:
            pass  # it ended, or closed its input, without reading all of it: no failure
    return started


def process_path(id: str, process: str) -> str:
    return f"{sandbox_path(id)}/processes/{quote(process, safe='')}"


def processes(id: str) -> Op[List[ProcessInfo]]:
    reply = yield call("GET", sandbox_path(id) + "/processes")
    return [ProcessInfo.from_json(item) for item in reply.json()["items"]]


def process(id: str, process: str) -> Op[ProcessInfo]:
    reply = yield call("GET", process_path(id, process))
    return ProcessInfo.from_json(reply.json())


def wait(id: str, process: str, timeout_seconds: Optional[float]) -> Op[Result]:
    give_up = float("inf") if timeout_seconds is None else time.monotonic() + timeout_seconds
    while True:
        step = max(0.0, min(WAIT_STEP_SECONDS, give_up - time.monotonic()))
        params = {"timeout_ms": str(int(step * 1000))}
        answer = (yield call("GET", process_path(id, process) + "/wait", params=params)).json()
        if not answer["running"]:
            return Result.from_json(answer)
        if time.monotonic() >= give_up:
            raise DeadlineError(f"process {process} still runs after {timeout_seconds} s of waiting")


def send_stdin(id: str, process: str, data: Union[str, bytes], close: bool = False) -> Op[None]:
    content = data.encode() if isinstance(data, str) else data
    params = {"close": "1"} if close else None
    # The program takes its input at its own pace, and the daemon no faster.
    path = process_path(id, process) + "/stdin"
    yield call("POST", path, params=params, content=content, silence_seconds=float("inf"))


def resize(id: str, process: str, rows: int, columns: int) -> Op[None]:
    path = process_path(id, process) + "/resize"
    yield call("POST", path, body={"rows": rows, "cols": columns}, is_repeatable=True)


def close_stdin(id: str, process: str) -> Op[None]:
    yield call("DELETE", process_path(id, process) + "/stdin")


def signal(id: str, process: str, number: Union[int, str]) -> Op[None]:
    yield call("POST", process_path(id, process) + "/signal", body={"signal": number})


def kill_process(id: str, process: str) -> Op[None]:
    yield call("DELETE", process_path(id, process))


def output(id: str, process: str, stream: str, offset: int) -> Op[bytes]:
    params = {"stream": stream, "offset": str(offset)}
    return (yield call("GET", process_path(id, process) + "/output", params=params)).body
