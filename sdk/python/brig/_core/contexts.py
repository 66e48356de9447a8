"""Requests about contexts: interpreters that keep their state, and the cells that they run."""

from __future__ import annotations

import collections
import dataclasses
import json
from typing import Any, Deque, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple, Union
from urllib.parse import quote

from .._code import CodeContext, CodeResult, Execution, ExecutionError, Logs
from .._errors import InvalidArgumentError, NotFoundError
from .calls import Call, Op, call
from .sandboxes import sandbox_path
from .streams import STREAM_SILENCE_SECONDS, Source

Said = Union[str, CodeResult, ExecutionError]

#: Of each stream, if the sandbox's limit is not known.
OUTPUT_MOST = 1 << 20


def contexts_path(id: str, context: Union[None, str, CodeContext] = None, verb: str = "") -> str:
    name = context.id if isinstance(context, CodeContext) else context
    return f"{sandbox_path(id)}/contexts" + ("" if name is None else f"/{quote(name, safe='')}{verb}")


def create_context(id: str, language: Optional[str], cwd: Optional[str], envs: Optional[Mapping[str, str]]) -> Op[CodeContext]:
    body: Dict[str, Any] = {}
    for name, value in (("language", language), ("cwd", cwd), ("envs", None if envs is None else dict(envs))):
        if value is not None:
            body[name] = value
    return CodeContext.from_json((yield call("POST", contexts_path(id), body=body)).json())


def contexts(id: str) -> Op[List[CodeContext]]:
    reply = yield call("GET", contexts_path(id))
    return [CodeContext.from_json(item) for item in reply.json()["items"]]


def act_on_context(id: str, context: Union[str, CodeContext], verb: str) -> Op[None]:
    yield call("POST", contexts_path(id, context, "/" + verb))


def remove_context(id: str, context: Union[str, CodeContext]) -> Op[bool]:
    try:
        yield call("DELETE", contexts_path(id, context))
    except NotFoundError:
        return False
    return True


class Kept:
    """The pieces of one stream; of more than so many characters, those of the first and the last half."""

    def __init__(self, most: int) -> None:
        self._room = most // 2
        self._most = most - self._room
        self._head: List[str] = []
        self._tail: Deque[str] = collections.deque()
        self._held = 0  #: in the tail
        self.elided = 0

    def add(self, text: str) -> None:
        if self._room:
            head, text = text[: self._room], text[self._room :]
            self._head.append(head)
            self._room -= len(head)
        if not text:
            return
        self._tail.append(text)
        self._held += len(text)
        while self._held > self._most:
            excess = min(self._held - self._most, len(self._tail[0]))
            self._held -= excess
            self.elided += excess
            rest = self._tail.popleft()[excess:]
            if rest:
                self._tail.appendleft(rest)

    def pieces(self) -> List[str]:
        """What was printed at once is one piece, however it was written: they end where lines do, but for the last of a half. What is
        missing between the halves is said by a piece of its own."""
        gap = [f"\n[… {self.elided} characters elided …]\n"] if self.elided else []
        return whole_lines(self._head) + gap + whole_lines(self._tail)


def whole_lines(pieces: Iterable[str]) -> List[str]:
    whole: List[str] = []
    begun: List[str] = []
    for piece in pieces:
        begun.append(piece)
        if piece.endswith("\n"):
            whole.append("".join(begun))
            begun = []
    return whole + ["".join(begun)] if begun else whole


@dataclasses.dataclass(frozen=True)
class CellSpec:
    """A cell that is to be run."""

    code: str
    language: Optional[str] = None
    context: Union[None, str, CodeContext] = None
    timeout_seconds: Optional[float] = None
    envs: Optional[Mapping[str, str]] = None
    cwd: Optional[str] = None

    def where(self) -> Union[str, CodeContext]:
        if self.context is not None and self.language is not None:
            raise InvalidArgumentError("language and context: one of them is expected, a context has its language")
        return self.language or "python" if self.context is None else self.context

    def body(self) -> Dict[str, Any]:
        body: Dict[str, Any] = {"code": self.code}
        if self.timeout_seconds is not None:
            body["timeout_seconds"] = self.timeout_seconds
        if self.envs is not None:
            body["envs"] = dict(self.envs)
        if self.cwd is not None:
            body["cwd"] = self.cwd
        return body


class CellFollower(Source[Tuple[str, Said]]):
    """A cell while it runs: what it says by name ("stdout", "stderr", "result", "error"), and all of it at its end. The daemon interrupts
    it when the connection breaks, so there is no second one."""

    what = "the cell's answer"

    def __init__(self, sandbox: str, asked: CellSpec, output_most: int) -> None:
        super().__init__()
        self._sandbox = sandbox
        self._asked = asked
        self._where = asked.where()
        self._output = {"stdout": Kept(output_most), "stderr": Kept(output_most)}
        self._results: List[CodeResult] = []
        self._error: Optional[ExecutionError] = None
        self._end: Dict[str, Any] = {}

    def next_call(self) -> Call:
        self.begin_connection()
        path = contexts_path(self._sandbox, self._where, "/run")
        headers = {"Accept": "text/event-stream"}
        return call("POST", path, body=self._asked.body(), headers=headers, silence_seconds=STREAM_SILENCE_SECONDS)

    def may_go_on(self) -> bool:
        return False

    def take(self, name: str, data: str, id: str) -> Iterator[Tuple[str, Said]]:
        said: Any = json.loads(data) if name else None
        if name in self._output:
            self._output[name].add(said["chunk"])
            yield name, said["chunk"]
        elif name == "result":
            self._results.append(CodeResult.from_json(said))
            yield name, self._results[-1]
        elif name == "error":
            self._error = ExecutionError.from_json(said)
            yield name, self._error
        elif name == "end":
            self._end = said
            self.is_over = True

    def execution(self) -> Execution:
        out, err = self._output["stdout"], self._output["stderr"]
        return Execution(
            status=self._end["status"],
            results=self._results,
            logs=Logs(out.pieces(), err.pieces(), out.elided, err.elided),
            error=self._error,
            execution_count=self._end["execution_count"] or None,
            exit_code=self._end["exit_code"],
            dropped=self._end["dropped"],
        )
