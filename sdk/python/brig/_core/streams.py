"""What comes over time: events, read from however many connections that takes."""

from __future__ import annotations

import base64
import codecs
import json
from datetime import datetime, timezone
from typing import Any, Dict, Generic, Iterable, Iterator, List, Mapping, Optional, Tuple

from .._errors import NotFoundError
from .._types import Event, FileChange, LogLine, Output, Result
from .calls import Call, Op, T, call
from .commands import Exec, process_path, wait
from .files import files_path
from .sandboxes import sandbox_path

#: The daemon sends a comment every 15 s on a stream where nothing happens.
STREAM_SILENCE_SECONDS = 60.0


class EventParser:
    """Server-sent events out of pieces of bytes."""

    def __init__(self) -> None:
        self._rest = b""
        self._name = ""
        self._data: List[str] = []
        self._id = ""

    def feed(self, piece: bytes) -> List[Tuple[str, str, str]]:
        """(name, data, id) of each event that is complete; a comment is ("", "", "")."""
        events: List[Tuple[str, str, str]] = []
        # The daemon ends lines with LF alone; so may whoever stands between.
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for raw in lines:
            line = raw.rstrip(b"\r").decode(errors="replace")
            if not line:
                if self._data:
                    events.append((self._name, "\n".join(self._data), self._id))
                self._name, self._data, self._id = "", [], ""
                continue
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if not name:
                events.append(("", "", ""))
            elif name == "event":
                self._name = value
            elif name == "data":
                self._data.append(value)
            elif name == "id":
                self._id = value
        return events


class Source(Generic[T]):
    """A stream of items, and where its reader stands: what to ask for when a connection has broken."""

    what = "the stream"
    #: A connection that ends well is the end of the stream; otherwise is_over says when that is.
    ends_with_connection = False

    def __init__(self) -> None:
        self.is_over = False
        self.has_progressed = False  #: on this connection
        self._parser = EventParser()

    def begin_connection(self) -> None:
        self.has_progressed = False
        self._parser = EventParser()

    def next_call(self) -> Call:
        raise NotImplementedError

    def opened(self, headers: Mapping[str, str]) -> Iterable[T]:
        return ()

    def broke(self) -> None:
        """The connection did, and there will be another."""

    def may_go_on(self) -> bool:
        """Whether another connection goes on where this one broke."""
        return True

    def feed(self, piece: bytes) -> Iterator[T]:
        for name, data, id in self._parser.feed(piece):
            yield from self.take(name, data, id)

    def take(self, name: str, data: str, id: str) -> Iterator[T]:
        """What one event means; a comment has no name."""
        raise NotImplementedError


class Follower(Source[Output]):
    """Where a reader of a command's output stands."""

    what = "the stream of output"

    def __init__(self, sandbox: str, process: Optional[str], asked: Optional[Exec] = None, stdout: int = 0, stderr: int = 0):
        super().__init__()
        self.sandbox = sandbox
        self.process = process  #: None until the daemon has said that it started
        self.at = {"stdout": stdout, "stderr": stderr}
        self.end: Optional[Mapping[str, Any]] = None
        self._asked = asked

    def next_call(self) -> Call:
        self.begin_connection()
        params = {"encoding": "base64"}
        if self.process is None:
            assert self._asked is not None
            path = sandbox_path(self.sandbox) + "/exec/stream"
            body = self._asked.body()
            return call("POST", path, params=params, body=body, silence_seconds=STREAM_SILENCE_SECONDS)
        params.update(stdout=str(self.at["stdout"]), stderr=str(self.at["stderr"]))
        path = process_path(self.sandbox, self.process) + "/stream"
        return call("GET", path, params=params, silence_seconds=STREAM_SILENCE_SECONDS)

    def opened(self, headers: Mapping[str, str]) -> Iterable[Output]:
        self.process = self.process or headers.get("Brig-Process-Id")
        return ()

    def may_go_on(self) -> bool:
        return self.process is not None  # otherwise nobody knows whether it runs

    def take(self, name: str, data: str, id: str) -> Iterator[Output]:
        if name in self.at:
            chunk = base64.b64decode(json.loads(data)["chunk_base64"])
            offset = self.at[name]
            self.at[name] += len(chunk)
            self.has_progressed = True
            yield Output(name, chunk, offset, self.at["stdout"], self.at["stderr"])
        elif name == "exit":
            self.end = json.loads(data)
            self.is_over = True
        elif name == "start":  # says nothing about whether the connection lasts
            self.process = self.process or str(json.loads(data)["id"])
        elif not name:
            self.has_progressed = True

    def result(self) -> Op[Result]:
        """The whole result, once `end` is known."""
        assert self.end is not None and self.process is not None
        try:
            return (yield from wait(self.sandbox, self.process, None))
        except NotFoundError:
            # The sandbox ended with the command, and its output with it: whoever followed has had it.
            lost = {"stdout": "", "stdout_elided": self.at["stdout"], "stderr": "", "stderr_elided": self.at["stderr"]}
            return Result.from_json({**self.end, **lost})


class Watcher(Source[Optional[FileChange]]):
    """Changes of files. None: from here on nothing is missed."""

    what = "the stream of changes"

    def __init__(self, sandbox: str, path: str, recursive: bool):
        super().__init__()
        self._sandbox = sandbox
        self._path = path
        self._recursive = recursive
        self._is_watching = False
        self._has_watched = False

    def next_call(self) -> Call:
        self.begin_connection()
        self._is_watching = False
        params = {"path": self._path}
        if self._recursive:
            params["recursive"] = "1"
        return call("GET", files_path(self._sandbox, "/watch"), params=params, silence_seconds=STREAM_SILENCE_SECONDS)

    def take(self, name: str, data: str, id: str) -> Iterator[Optional[FileChange]]:
        self.has_progressed = bool(name) or self._is_watching
        if name == "end":
            self.is_over = True
        elif name:
            yield FileChange.from_json(json.loads(data), self._path)
        elif not self._is_watching:
            self._is_watching = True
            if self._has_watched:
                yield FileChange("overflow", self._path, True)  # what happened between two connections nobody saw
            else:
                self._has_watched = True
                yield None


class EventFollower(Source[Event]):
    """What happens to a key's sandboxes."""

    what = "the stream of events"

    def __init__(self, sandbox: Optional[str], after: Optional[str], from_oldest: bool):
        super().__init__()
        self._sandbox = sandbox
        self._after = after
        self._from_oldest = from_oldest
        self._may_have_missed = False

    def next_call(self) -> Call:
        self.begin_connection()
        params = {"from": "oldest" if self._from_oldest else "now"}
        if self._sandbox is not None:
            params["sandbox"] = self._sandbox
        headers = {} if self._after is None else {"Last-Event-ID": self._after}
        return call("GET", "/v1/events", params=params, headers=headers, silence_seconds=STREAM_SILENCE_SECONDS)

    def opened(self, headers: Mapping[str, str]) -> Iterator[Event]:
        if self._may_have_missed:
            self._may_have_missed = False
            detail = "the connection broke before the first event; what happened until it was there again is not known"
            yield Event("", "events.lost", datetime.now(timezone.utc), None, {"detail": detail})

    def broke(self) -> None:
        self._may_have_missed = self._after is None and not self._from_oldest

    def take(self, name: str, data: str, id: str) -> Iterator[Event]:
        self.has_progressed = True
        if name:
            self._after = id or self._after
            yield Event.from_json(id, name, json.loads(data))


class LogFollower(Source[LogLine]):
    """What all commands of a sandbox print, until it ends. Another connection begins anew, and what was seen is left out."""

    what = "the stream of lines"
    ends_with_connection = True

    def __init__(self, sandbox: str, stream: Optional[str]):
        super().__init__()
        self._sandbox = sandbox
        self._stream = stream
        self._seen: Dict[Tuple[str, str], int] = {}  #: characters, by process and stream
        self._passed: Dict[Tuple[str, str], int] = {}  #: on this connection

    def next_call(self) -> Call:
        self.begin_connection()
        self._passed = {}
        params = {"follow": "1"}
        if self._stream is not None:
            params["stream"] = self._stream
        return call("GET", sandbox_path(self._sandbox) + "/logs", params=params, silence_seconds=STREAM_SILENCE_SECONDS)

    def take(self, name: str, data: str, id: str) -> Iterator[LogLine]:
        if name != "line":
            return
        said = json.loads(data)
        of = (said["process"], said["stream"])
        seen, at = self._seen.get(of, 0), self._passed.get(of, 0)
        text = said["line"][max(0, seen - at) :]
        self._passed[of] = at + len(said["line"])
        if text:
            self.has_progressed = True
            self._seen[of] = self._passed[of]
            yield LogLine(text, said["stream"], said["process"])


class Decoders:
    """Text for callbacks out of a command's two streams of bytes; a character cut in two waits for its other half."""

    def __init__(self) -> None:
        make = codecs.getincrementaldecoder("utf-8")
        self._of = {"stdout": make(errors="replace"), "stderr": make(errors="replace")}

    def feed(self, piece: Output) -> str:
        return self._of[piece.stream].decode(piece.data)

    def rest(self, stream: str) -> str:
        return self._of[stream].decode(b"", final=True)
