"""Sandboxes, for code that waits. _async is its twin."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any, Callable, Dict, Iterator, List, Literal, Mapping, Optional, Sequence, Tuple, Type, Union, overload

from .. import _core as core
from .._errors import BrigError, CommandError, InvalidArgumentError
from .._http import Client
from .._types import Event, Lifetime, LogLine, Metrics, Promotion, Result, RuntimeInfo, SandboxInfo, TemplateInfo
from .code import CodeInterpreter
from .filesystem import Filesystem
from .ports import Ports
from .process import Process, Processes, Terminal
from .snapshot import Snapshot

OnText = Callable[[str], object]


class Sandbox(CodeInterpreter):
    """One sealed sandbox: `with Sandbox.create() as sbx:` ends it when the block ends; without `with`, call kill().

    Any method raises NotFoundError once the sandbox has ended (info() still tells how, for a while), AuthenticationError,
    ConnectionFailedError or ServerError; what else it raises, it says. A sandbox may be used by several threads.
    """

    def __init__(self, client: Client, info: SandboxInfo, *, owns_client: bool, owns_sandbox: bool) -> None:
        """Not to be called: create() and connect() make sandboxes."""
        self._client = client
        self._known = info
        self._owns_client = owns_client
        self._owns_sandbox = owns_sandbox
        self.id: str = info.id
        self.processes = Processes(client, info.id)
        self.filesystem = Filesystem(client, info.id)
        self.ports = Ports(client, info.id)

    def __repr__(self) -> str:
        return f"Sandbox({self.id!r})"

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
        client: Optional[Client] = None,
    ) -> Sandbox:
        """Makes a sandbox. Asked again by itself when the connection fails or the daemon is full: one sandbox comes of it.

        Args:
            template: what is in it, by a name of templates(); "host" (the default) shows the host's /usr, read-only.
            from_snapshot: the id of a Snapshot, with whose files it begins. What is not asked for here is as in the sandbox it is of.
            ttl_seconds: it ends that long after now, whatever happens. Default: the daemon's, 3600 unless it was told otherwise.
            idle_seconds: it ends when it was not used for so long. Default: no such limit.
            persistent: no time-to-live; it ends when it is killed.
            metadata: texts of yours, to find it again with list().
            envs: environment of every command in it.
            limits: what it may use: memory ("256M" or bytes), cpus (0.5), pids, disk, timeout ("30s" or seconds; of a command in the
                foreground that names none), output, output_total, open_files, inodes. What is absent is the policy's.
            policy: "strict", "default" or "lenient".
            require: the least boundary that will do: "shared-kernel", "user-space-kernel" or "hardware".
            runtime: the wall: a name of runtimes(), "auto" (the strongest that works there) or "fastest" (that is good enough).
                Default: the daemon's, "fastest" unless it was told otherwise.
            libraries: Python packages, by name, that the machine's owner has installed for the template (`brig template lib`).
            api_url, api_key: see Client, which `client` may be, to share connections.

        Raises:
            InvalidArgumentError, NotFoundError (no such template or snapshot; a library that is not installed), PermissionDeniedError, QuotaError,
            UnsupportedError (this host cannot enforce it), UnavailableError (no room).
        """
        body = core.create_body(template, ttl_seconds, idle_seconds, persistent, metadata, envs, limits, policy, require, from_snapshot, runtime, libraries)
        return cls._begin(core.create(body), client, api_url, api_key, owns_sandbox=True)

    @classmethod
    def connect(
        cls, id: str, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[Client] = None
    ) -> Sandbox:
        """A sandbox that exists. As a context manager it is left running.

        Raises: NotFoundError if there is none of this key that lives.
        """
        return cls._begin(core.connect(id), client, api_url, api_key, owns_sandbox=False)

    @classmethod
    def _begin(
        cls, op: core.Op[SandboxInfo], client: Optional[Client], api_url: Optional[str], api_key: Optional[str], owns_sandbox: bool
    ) -> Sandbox:
        used = client or Client(api_url, api_key)
        try:
            return cls(used, used._run(op), owns_client=client is None, owns_sandbox=owns_sandbox)
        except BaseException:
            if client is None:
                used.close()
            raise

    @classmethod
    def list(
        cls,
        *,
        states: Optional[Sequence[str]] = None,
        metadata: Optional[Mapping[str, str]] = None,
        template: Optional[str] = None,
        page_size: int = 100,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> Iterator[SandboxInfo]:
        """This key's sandboxes, the newest first, page by page as they are asked for.

        Args:
            states: of "creating", "running", "paused", "hibernated", "killed", "failed", or ["all"]. Default: those that live.
            metadata: only those that have all of these.
            page_size: sandboxes a request, 1 to 1000.
        """
        used = client or Client(api_url, api_key)
        try:
            cursor: Optional[str] = None
            while True:
                items, cursor = used._run(core.page(states, metadata, template, page_size, cursor))
                yield from items
                if cursor is None:
                    return
        finally:
            if client is None:
                used.close()

    @classmethod
    def events(
        cls,
        *,
        sandbox_id: Optional[str] = None,
        after: Optional[str] = None,
        from_oldest: bool = False,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        client: Optional[Client] = None,
    ) -> Iterator[Event]:
        """What happens to this key's sandboxes, as it happens and without an end: leave the loop. A connection that breaks is made
        again, also after a restart of the daemon, and goes on after the last event; what is not known is said ("events.lost").

        Args:
            sandbox_id: only what happens to that one.
            after: the `id` of an Event, to go on after it. InvalidArgumentError if it is none.
            from_oldest: begin with what is kept: seven days, 100,000 events at most. Default: from now on.
        """
        used = client or Client(api_url, api_key)
        try:
            yield from used._follow(core.EventFollower(sandbox_id, after, from_oldest))
        finally:
            if client is None:
                used.close()

    @classmethod
    def runtimes(
        cls, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[Client] = None
    ) -> List[RuntimeInfo]:
        """The daemon's walls, the fastest first."""
        used = client or Client(api_url, api_key)
        try:
            return used._run(core.runtimes())
        finally:
            if client is None:
                used.close()

    @classmethod
    def templates(
        cls, *, api_url: Optional[str] = None, api_key: Optional[str] = None, client: Optional[Client] = None
    ) -> List[TemplateInfo]:
        """What sandboxes can be made from."""
        used = client or Client(api_url, api_key)
        try:
            return used._run(core.templates())
        finally:
            if client is None:
                used.close()

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        try:
            if self._owns_sandbox:
                self.kill()
        except BrigError:
            if error is None:  # otherwise what happened in the block matters more; its time-to-live ends the sandbox
                raise
        finally:
            self.close()

    def close(self) -> None:
        """Closes the connections, if they are this object's own. The sandbox lives on."""
        if self._owns_client:
            self._client.close()

    def info(self) -> SandboxInfo:
        """What the daemon knows of it now; after its end, how it ended."""
        return self._client._run(core.info(self.id))

    def attestation(self) -> Dict[str, Any]:
        """What really confines it, read back from the kernel; `weaknesses` names what is not enforced."""
        return self._client._run(core.attestation(self.id))

    def kill(self) -> bool:
        """Ends it and waits until nothing is left of it. False if it had ended before."""
        return self._client._run(core.kill(self.id))

    def pause(self) -> None:
        """Stops every process in it; its deadlines go on. ConflictError if it is paused."""
        self._client._run(core.act(self.id, "pause"))

    def resume(self) -> None:
        """Lets its processes go on. ConflictError if it is not paused."""
        self._client._run(core.act(self.id, "resume"))

    def hibernate(self) -> None:
        """A pause that the next command, file request or visit of a port ends by itself."""
        self._client._run(core.act(self.id, "hibernate"))

    def wake(self) -> None:
        """Ends a hibernation; nothing if there is none."""
        self._client._run(core.act(self.id, "wake"))

    def snapshot(self) -> Snapshot:
        """Keeps its files: /workspace, /home/user and /tmp, as they are while programs run. Behind the process wall neither memory nor
        programs are kept (`memory` says so). Sandbox.create(from_snapshot=snapshot.id) begins with it.

        Raises: ConflictError (paused; a file that the sandbox's user cannot read), QuotaError (a key has at most 100), UnavailableError.
        """
        return Snapshot(self._client, self._client._run(core.take_snapshot(self.id)))

    def fork(self, *, metadata: Optional[Mapping[str, str]] = None) -> Sandbox:
        """Another sandbox with a copy of this one's files, its limits and environment; no program runs in it. It ends with kill(), as
        a context manager, or by its own time-to-live. Not repeated by itself.

        Raises: ConflictError (paused), QuotaError, UnavailableError.
        """
        return self._child(self._client._run(core.fork(self.id, metadata)))

    def fork_tree(self, count: int, *, metadata: Optional[Mapping[str, str]] = None) -> ForkTree:
        """As many forks, at most 16, of one state. What a quota does not allow is in `errors`, not raised, as long as there is one child."""
        tree, children, errors = self._client._run(core.fork_tree(self.id, count, metadata))
        return ForkTree(tree, tuple(self._child(child) for child in children), errors)

    def promote(self, *, tree_id: Optional[str] = None, cleanup_siblings: bool = True) -> Promotion:
        """Of a fork tree's child: it stays, its siblings are ended, unless they are to stay too. ConflictError if it is not of the tree named."""
        return self._client._run(core.promote(self.id, tree_id, cleanup_siblings))

    def _child(self, info: SandboxInfo) -> Sandbox:
        client = self._client._twin() if self._owns_client else self._client
        return Sandbox(client, info, owns_client=client is not self._client, owns_sandbox=True)

    def lifetime(self) -> Lifetime:
        """When it will end by itself."""
        return self._client._run(core.lifetime(self.id))

    def set_ttl(self, ttl_seconds: Optional[float]) -> Lifetime:
        """It ends `ttl_seconds` from now; None: no time-to-live. InvalidArgumentError beyond what the daemon allows."""
        return self._client._run(core.set_ttl(self.id, ttl_seconds))

    def set_idle(self, idle_seconds: Optional[float]) -> Lifetime:
        """It ends when it was not used for `idle_seconds`; None: no such limit."""
        return self._client._run(core.set_idle(self.id, idle_seconds))

    def metrics(self) -> Metrics:
        """What it has used so far."""
        return self._client._run(core.metrics(self.id))

    def logs(self, stream: Optional[str] = None) -> str:
        """What its commands printed, one after the other, head and tail of each; of "stdout" or "stderr" alone if that is named."""
        return self._client._run(core.logs(self.id, stream))

    def follow_logs(self, stream: Optional[str] = None) -> Iterator[LogLine]:
        """What its commands print, line by line as it comes, until the sandbox ends. A broken connection loses and repeats nothing."""
        return self._client._follow(core.LogFollower(self.id, stream))

    def terminal(
        self,
        command: core.Command = "exec bash",
        *,
        rows: int = 24,
        columns: int = 80,
        cwd: Optional[str] = None,
        env: Optional[Mapping[str, str]] = None,
        timeout_seconds: Optional[float] = None,
    ) -> Terminal:
        """Starts a command at a terminal. It goes on when nobody looks; Processes.get() finds it again.

        Args:
            rows, columns: 1 to 65535.
            cwd, env: as exec(); TERM is xterm-256color.
            timeout_seconds: default: as long as the sandbox.
        """
        asked = core.Exec(command, cwd, env, None, timeout_seconds, terminal=(rows, columns))
        return Terminal(self._client, self.id, self._client._run(core.start(self.id, asked)))

    @overload
    def exec(
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
    def exec(
        self,
        command: core.Command,
        *,
        cwd: Optional[str] = ...,
        env: Optional[Mapping[str, str]] = ...,
        stdin: Union[None, bool, str, bytes] = ...,
        timeout_seconds: Optional[float] = ...,
        background: Literal[True],
    ) -> Process: ...

    def exec(
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
    ) -> Union[Result, Process]:
        """Runs a command. Never repeated by itself: after a ConnectionFailedError it may have run.

        Args:
            command: a text is a line for /bin/sh; a sequence is a program and its arguments.
            cwd: default /workspace.
            env: added to the sandbox's own variables.
            stdin: given to it, and then the end of input. Default: nothing. With background=True, True keeps the input open for
                Process.send_stdin().
            timeout_seconds: it is killed after so long (status "timeout"). Default: the sandbox's limits.timeout_seconds; in the
                background none.
            on_stdout, on_stderr: called with pieces of text while it runs. A connection that breaks is made again and the output
                goes on where it stopped, nothing lost and nothing twice. What they raise comes out of exec(); the command goes on.
            check: raise CommandError unless the status is "ok".
            background: return a Process at once.

        Raises:
            InvalidArgumentError, ConflictError (paused), QuotaError (too many commands at once), CommandError.
            How the command itself ends is a value.
        """
        asked = core.Exec(command, cwd, env, stdin, timeout_seconds)
        if background:
            if check or on_stdout or on_stderr:
                raise InvalidArgumentError("check, on_stdout and on_stderr need a command in the foreground; Process.stream() follows")
            return Process(self._client, self.id, self._client._run(core.start(self.id, asked)))
        default = self._known.limits.timeout_seconds if self._known.limits else None
        if on_stdout or on_stderr:
            result = self._exec_streamed(asked, default, on_stdout, on_stderr)
        else:
            result = self._client._run(core.run(self.id, asked, default))
        if check and not result.ok:
            raise CommandError(result)
        return result

    def _exec_streamed(
        self, asked: core.Exec, default: Optional[float], on_stdout: Optional[OnText], on_stderr: Optional[OnText]
    ) -> Result:
        process: Optional[str] = None
        if asked.needs_own_stdin():
            process = self._client._run(core.start(self.id, asked, default)).id
        follower = core.Follower(self.id, process, asked)
        decoders = core.Decoders()
        callbacks = {"stdout": on_stdout, "stderr": on_stderr}
        for piece in self._client._follow(follower):
            text = decoders.feed(piece)
            callback = callbacks[piece.stream]
            if callback and text:
                callback(text)
        for stream, callback in callbacks.items():
            text = decoders.rest(stream)
            if callback and text:
                callback(text)
        return self._client._run(follower.result())


class ForkTree:
    """Forks of one state: `with sandbox.fork_tree(3) as tree:` ends them when the block ends, but for one that was promoted.

    Attributes:
        id: names the tree; each child has it as metadata "fork_tree_id".
        children: sandboxes, each with a time-to-live of its own.
        errors: why there are not more children, in words.
    """

    def __init__(self, id: str, children: Tuple[Sandbox, ...], errors: Tuple[str, ...]) -> None:
        """Not to be called: Sandbox.fork_tree() makes them."""
        self.id = id
        self.children = children
        self.errors = errors
        self._winner: Optional[str] = None

    def promote(self, winner: Sandbox) -> Promotion:
        """`winner` stays, the others are ended."""
        promotion = winner.promote(tree_id=self.id)
        self._winner = winner.id
        return promotion

    def __enter__(self) -> ForkTree:
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        with ExitStack() as ends:
            for child in self.children:
                if child.id != self._winner:
                    ends.push(child)
