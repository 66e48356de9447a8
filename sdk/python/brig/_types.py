"""Values that the daemon answers with. Times are aware datetimes in UTC; sizes are bytes."""

from __future__ import annotations

import dataclasses
import posixpath
from datetime import datetime, timezone
from typing import Any, List, Mapping, Optional, Tuple


def _time(text: Optional[str]) -> Optional[datetime]:
    return None if text is None else datetime.fromisoformat(text.replace("Z", "+00:00"))


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a sandbox may use."""

    timeout_seconds: Optional[float]  #: of a command in the foreground that names none; None: as long as the sandbox
    memory_bytes: int
    cpus: float  #: processors' worth of time
    pids: int  #: processes and threads at once
    open_files: int  #: of each process
    disk_bytes: int
    inodes: int  #: files and folders
    output_bytes: int  #: kept of each stream in a Result: half from its start, half from its end
    output_total_bytes: int  #: printing more ends a command

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Limits:
        return cls(**{field.name: data[field.name] for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What a wall can do; what it cannot raises UnsupportedError."""

    pause: bool
    images: bool  #: templates other than the host's own programs
    snapshots: str  #: what snapshots and forks carry: "files"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Capabilities:
        return cls(pause=data["pause"], images=data["images"], snapshots=data["snapshots"])


@dataclasses.dataclass(frozen=True)
class RuntimeInfo:
    """A wall of the daemon's, as it was when the daemon started."""

    name: str
    boundary: str  #: "shared-kernel", "user-space-kernel" or "hardware"
    available: bool  #: it works on that host
    why_not: Optional[str]  #: what is missing, and how to get it
    allowed: bool  #: this key may use it
    capabilities: Optional[Capabilities]  #: None: it does not work there
    weaknesses: Tuple[str, ...]  #: what it cannot enforce on that host, in words

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RuntimeInfo:
        capabilities = data["capabilities"]
        return cls(
            name=data["name"],
            boundary=data["boundary"],
            available=data["available"],
            why_not=data["why_not"],
            allowed=data["allowed"],
            capabilities=None if capabilities is None else Capabilities.from_json(capabilities),
            weaknesses=tuple(data["weaknesses"]),
        )


@dataclasses.dataclass(frozen=True)
class TemplateInfo:
    """What sandboxes can be made from: "host", the daemon's own machine, the images that its owner made, and those of this key."""

    name: str
    digest: Optional[str]  #: of its image; None: "host"
    size_bytes: int
    description: str
    created_at: Optional[datetime]
    cpu: float  #: processors of a sandbox that asks for nothing
    memory_mb: int  #: and its memory
    working_folder: str  #: of commands that name none
    languages: Tuple[str, ...]
    usable: bool
    why_not: Optional[str]
    allowed: bool  #: this key may use it

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TemplateInfo:
        known = {field.name: data[field.name] for field in dataclasses.fields(cls)}
        known.update(created_at=_time(data["created_at"]), languages=tuple(data["languages"]))
        return cls(**known)


@dataclasses.dataclass(frozen=True)
class SandboxInfo:
    """One sandbox as the daemon sees it now; for one that has ended, how it ended."""

    id: str
    template: str
    status: str  #: "creating", "running", "paused", "hibernated"; of one that has ended "killed" or "failed"
    runtime: str  #: the wall, such as "process"
    boundary: str  #: what separates it from the host, such as "shared-kernel"
    metadata: Mapping[str, str]
    created_at: datetime
    expires_at: Optional[datetime]
    ttl_seconds: Optional[float]
    idle_seconds: Optional[float]
    persistent: bool
    last_active_at: Optional[datetime] = None
    weaknesses: Tuple[str, ...] = ()  #: what was asked for and this host does not enforce, in words
    capabilities: Optional[Capabilities] = None  #: of its wall; None once it has ended
    limits: Optional[Limits] = None  #: None once it has ended
    boot_ms: Optional[int] = None  #: only in the answer to its creation
    boot_mode: Optional[str] = None  #: "pool" or "cold"; only in the answer to its creation
    ended_at: Optional[datetime] = None
    end_reason: Optional[str] = None  #: killed, expired, idle, guest_lost, daemon_ended, daemon_lost; None while it lives
    end_detail: Optional[str] = None
    parent_id: Optional[str] = None  #: the sandbox that this one is a fork of
    from_snapshot: Optional[str] = None  #: the snapshot that it began with

    @property
    def is_ended(self) -> bool:
        return self.status in ("killed", "failed")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SandboxInfo:
        limits = data.get("limits")
        capabilities = data.get("capabilities")
        return cls(
            id=data["id"],
            template=data["template"],
            status=data["status"],
            runtime=data["runtime"],
            boundary=data["boundary"],
            metadata=data["metadata"],
            created_at=_moment(data["created_at"]),
            expires_at=_time(data["expires_at"]),
            ttl_seconds=data["ttl_seconds"],
            idle_seconds=data["idle_seconds"],
            persistent=data["persistent"],
            last_active_at=_time(data.get("last_active_at")),
            weaknesses=tuple(data.get("weaknesses", ())),
            capabilities=None if capabilities is None else Capabilities.from_json(capabilities),
            limits=None if limits is None else Limits.from_json(limits),
            boot_ms=data.get("boot_ms"),
            boot_mode=data.get("boot_mode"),
            ended_at=_time(data.get("ended_at")),
            end_reason=data.get("end_reason"),
            end_detail=data.get("end_detail"),
            parent_id=data.get("parent_id"),
            from_snapshot=data.get("from_snapshot"),
        )


@dataclasses.dataclass(frozen=True)
class Lifetime:
    """When a sandbox will end by itself."""

    status: str
    ttl_seconds: Optional[float]  #: counted from when it was set; None: no time-to-live
    idle_seconds: Optional[float]  #: without any use; None: no such limit
    persistent: bool
    expires_at: Optional[datetime]  #: the end of the time-to-live; None: it has none

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Lifetime:
        return cls(
            status=data["status"],
            ttl_seconds=data["ttl_seconds"],
            idle_seconds=data["idle_seconds"],
            persistent=data["persistent"],
            expires_at=_time(data["expires_at"]),
        )


@dataclasses.dataclass(frozen=True)
class Metrics:
    """What a sandbox uses now, and has used since it was prepared."""

    cpu_ms: int
    memory_bytes: int
    peak_memory_bytes: int
    memory_limit_bytes: int
    pids: int  #: processes and threads
    pids_limit: int
    disk_limit_bytes: int
    uptime_ms: int
    memory_kills: int  #: processes that the memory limit ended
    pids_refusals: int  #: processes that were refused

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Metrics:
        return cls(**{field.name: data[field.name] for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class ProcessInfo:
    """One command of a sandbox. What follows `stderr_dropped` is None while it runs."""

    id: str
    pid: int  #: inside the sandbox; 0 if it could not be started
    argv: Tuple[str, ...]
    cwd: str
    terminal: bool
    timeout_seconds: Optional[float]  #: None: as long as the sandbox
    started_at: datetime
    running: bool
    stdout_bytes: int  #: printed so far
    stderr_bytes: int
    stdout_dropped: int  #: of these, bytes that are not kept
    stderr_dropped: int
    status: Optional[str] = None
    exit_code: Optional[int] = None
    signal: Optional[int] = None
    duration_ms: Optional[int] = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ProcessInfo:
        return cls(
            id=data["id"],
            pid=data["pid"],
            argv=tuple(data["argv"]),
            cwd=data["cwd"],
            terminal=data["terminal"],
            timeout_seconds=data["timeout_seconds"],
            started_at=_moment(data["started_at"]),
            running=data["running"],
            stdout_bytes=data["stdout_bytes"],
            stderr_bytes=data["stderr_bytes"],
            stdout_dropped=data["stdout_dropped"],
            stderr_dropped=data["stderr_dropped"],
            status=data.get("status"),
            exit_code=data.get("exit_code"),
            signal=data.get("signal"),
            duration_ms=data.get("duration_ms"),
        )


@dataclasses.dataclass(frozen=True)
class Result:
    """How a command ended, and what it printed.

    `status` is one of ok, error, signal, timeout, cpu_limit, memory_limit, disk_limit, output_limit, pids_limit, policy_kill,
    expired, failed. A command's failure is a value, not an exception, unless check=True.
    """

    status: str
    exit_code: int  #: the program's; 128+N for signal N; 124, 125, 126 or 137 when a limit ended it
    signal: Optional[int]  #: the signal that ended it
    stdout: str  #: bytes that are not UTF-8 show as U+FFFD; Process.output() has the bytes
    stderr: str
    stdout_elided: int  #: bytes missing from the middle of `stdout`, whose place names their count
    stderr_elided: int
    stdout_bytes: int  #: all that it printed
    stderr_bytes: int
    stdout_dropped: int  #: of these, bytes that the daemon could not keep: not even Process.output() has them
    stderr_dropped: int
    duration_ms: int
    cpu_ms: int
    peak_memory_bytes: int
    limits_hit: Tuple[str, ...]  #: limits that were met without ending it, such as "pids"
    note: Optional[str]  #: what a person should know beside the status
    process_id: str  #: for Sandbox.processes.get()

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Result:
        return cls(
            status=data["status"],
            exit_code=data["exit_code"],
            signal=data["signal"],
            stdout=data["stdout"],
            stderr=data["stderr"],
            stdout_elided=data["stdout_elided"],
            stderr_elided=data["stderr_elided"],
            stdout_bytes=data["stdout_bytes"],
            stderr_bytes=data["stderr_bytes"],
            stdout_dropped=data["stdout_dropped"],
            stderr_dropped=data["stderr_dropped"],
            duration_ms=data["duration_ms"],
            cpu_ms=data["cpu_ms"],
            peak_memory_bytes=data["peak_memory_bytes"],
            limits_hit=tuple(data["limits_hit"]),
            note=data["note"],
            process_id=data["id"],
        )


@dataclasses.dataclass(frozen=True)
class Output:
    """A piece of what a command prints."""

    stream: str  #: "stdout" or "stderr"
    data: bytes
    offset: int  #: of the piece's first byte in its stream
    stdout_offset: int  #: where Process.stream() goes on after this piece
    stderr_offset: int

    @property
    def text(self) -> str:
        """The piece as text; a character that is cut in two shows as U+FFFD."""
        return self.data.decode(errors="replace")


@dataclasses.dataclass(frozen=True)
class LogLine:
    """A line that a command printed, with its end; what is longer than 64 KiB comes in parts."""

    text: str
    stream: str  #: "stdout" or "stderr"
    process_id: str


@dataclasses.dataclass(frozen=True)
class FileChange:
    """Something that happened to a file or folder.

    `type`: "created", "modified", "removed", "moved" (from `source`), "overflow" (some changes were lost: look again), "limited" (there
    are more folders than can be watched: what happens in some of them is not told).
    """

    type: str
    path: str
    is_dir: bool
    source: Optional[str] = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any], watched: str) -> FileChange:
        """The daemon names what is in a watched folder from there."""
        source = data.get("from")
        return cls(
            type=data["type"],
            path=posixpath.join(watched, data["path"]),
            is_dir=data["is_dir"],
            source=None if source is None else posixpath.join(watched, source),
        )


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that happened to a sandbox.

    `type`: "sandbox.created", "sandbox.paused", "sandbox.resumed", "sandbox.lifetime", "sandbox.ended", "command.ended", or
    "events.lost": of what happened between the event before it and the one after it, some is not known.
    """

    id: str  #: for Sandbox.events(after=…)
    type: str
    at: datetime
    sandbox_id: Optional[str]
    data: Mapping[str, Any]  #: what the type brings along: `reason`, `process`, `status`, `exit_code`, `duration_ms`, …

    @classmethod
    def from_json(cls, id: str, type: str, data: Mapping[str, Any]) -> Event:
        if "at" not in data:  # "events.lost" has no time of its own
            return cls(id, type, datetime.now(timezone.utc), None, data)
        return cls(id=id, type=type, at=_moment(data["at"]), sandbox_id=data["sandbox_id"], data=data["data"])


@dataclasses.dataclass(frozen=True)
class SnapshotInfo:
    """The state of a sandbox at one moment, kept."""

    id: str
    sandbox_id: str
    template: str
    created_at: datetime
    size_bytes: int
    memory: bool  #: whether memory and running programs are in it; behind the process wall only files are

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> SnapshotInfo:
        return cls(
            id=data["id"],
            sandbox_id=data["sandbox_id"],
            template=data["template"],
            created_at=_moment(data["created_at"]),
            size_bytes=data["size_bytes"],
            memory=data["memory"],
        )


@dataclasses.dataclass(frozen=True)
class TemplateBuild:
    """A template that is being made, or was."""

    id: str
    name: str  #: of the template
    kind: str  #: "dockerfile" or "archive"
    status: str  #: "queued", "running", "done" or "failed"
    error: Optional[str]  #: why it failed
    started_at: datetime
    ended_at: Optional[datetime]
    bytes: Optional[int]  #: of its image, when it is done
    digest: Optional[str]  #: likewise

    @property
    def has_ended(self) -> bool:
        return self.status in ("done", "failed")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TemplateBuild:
        known = {field.name: data[field.name] for field in dataclasses.fields(cls)}
        known.update(started_at=_moment(data["started_at"]), ended_at=_time(data["ended_at"]))
        return cls(**known)


@dataclasses.dataclass(frozen=True)
class Promotion:
    """What became of a fork tree when one child was chosen."""

    winner: str
    tree_id: Optional[str]  #: None: it is no tree's child, and nothing was ended
    deleted: Tuple[str, ...]  #: the siblings that were ended
    failures: Mapping[str, str]  #: those that were not, and why

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Promotion:
        return cls(winner=data["winner"], tree_id=data["tree_id"], deleted=tuple(data["deleted"]), failures=data["failures"])


@dataclasses.dataclass(frozen=True)
class PortInfo:
    """A port inside that a server listens on. Both addresses want the key."""

    port: int
    url: str  #: by host name, for browsers: an origin of its own
    path_url: str  #: below the daemon's own address

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PortInfo:
        return cls(port=data["port"], url=data["proxy_url"], path_url=data["path_url"])


@dataclasses.dataclass(frozen=True)
class Preview:
    """An address of a port that opens without a key, until it expires."""

    url: str  #: the one of the two that works from here
    host_url: str
    path_url: str
    expires_at: datetime

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preview:
        return cls(url=data["url"], host_url=data["host_url"], path_url=data["path_url"], expires_at=_moment(data["expires_at"]))


@dataclasses.dataclass(frozen=True)
class FileEntry:
    """A file, folder or other thing inside a sandbox."""

    name: str
    path: str
    type: str  #: "file", "dir", "symlink" or "other"
    size: int
    mode: int  #: permission bits, such as 0o644
    mtime: datetime
    target: Optional[str] = None  #: of a symlink

    @property
    def is_dir(self) -> bool:
        return self.type == "dir"

    @classmethod
    def from_json(cls, data: Mapping[str, Any], path: str) -> FileEntry:
        return cls(
            name=data["name"],
            path=path,
            type=data["type"],
            size=data["size"],
            mode=data["mode"],
            mtime=_moment(data["mtime"]),
            target=data.get("target"),
        )


class Listing(List[FileEntry]):
    """The entries of a folder. `is_truncated`: there are more than the daemon lists (10,000)."""

    is_truncated: bool = False
