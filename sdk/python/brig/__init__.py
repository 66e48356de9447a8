"""Brig: run code that nobody has read in sealed throw-away sandboxes.

    from brig import Sandbox

    with Sandbox.create(ttl_seconds=60) as sbx:
        print(sbx.exec("echo hello").stdout)

AsyncSandbox is the same for asyncio. BRIG_API_URL and BRIG_API_KEY say where the daemon is and who asks.
"""

from ._async.filesystem import AsyncFilesystem, AsyncWatch
from ._async.ports import AsyncPorts
from ._async.process import AsyncProcess, AsyncProcesses, AsyncTerminal
from ._async.sandbox import AsyncForkTree, AsyncSandbox, PendingSandbox
from ._async.snapshot import AsyncSnapshot
from ._async.template import AsyncTemplate
from ._code import CodeContext, CodeResult, Execution, ExecutionError, Logs
from ._errors import (
    AuthenticationError,
    BrigError,
    ClosedError,
    CommandError,
    ConflictError,
    ConnectionFailedError,
    DeadlineError,
    DiskFullError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    QuotaError,
    ServerError,
    UnavailableError,
    UnsupportedError,
)
from ._http import AsyncClient, Client
from ._sync.filesystem import Filesystem, Watch
from ._sync.ports import Ports
from ._sync.process import Process, Processes, Terminal
from ._sync.sandbox import ForkTree, Sandbox
from ._sync.snapshot import Snapshot
from ._sync.template import Template
from ._types import (
    Capabilities,
    Event,
    FileChange,
    FileEntry,
    Lifetime,
    Limits,
    Listing,
    LogLine,
    Metrics,
    Output,
    PortInfo,
    Preview,
    ProcessInfo,
    Promotion,
    Result,
    RuntimeInfo,
    SandboxInfo,
    SnapshotInfo,
    TemplateBuild,
    TemplateInfo,
)

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "AsyncFilesystem",
    "AsyncForkTree",
    "AsyncPorts",
    "AsyncProcess",
    "AsyncProcesses",
    "AsyncSandbox",
    "AsyncSnapshot",
    "AsyncTemplate",
    "AsyncTerminal",
    "AsyncWatch",
    "AuthenticationError",
    "BrigError",
    "Capabilities",
    "Client",
    "CodeContext",
    "CodeResult",
    "ClosedError",
    "CommandError",
    "ConflictError",
    "ConnectionFailedError",
    "DeadlineError",
    "DiskFullError",
    "Event",
    "Execution",
    "ExecutionError",
    "FileChange",
    "FileEntry",
    "Filesystem",
    "ForkTree",
    "InvalidArgumentError",
    "Lifetime",
    "Limits",
    "Listing",
    "LogLine",
    "Logs",
    "Metrics",
    "NotFoundError",
    "Output",
    "PendingSandbox",
    "PermissionDeniedError",
    "PortInfo",
    "Ports",
    "Preview",
    "Process",
    "ProcessInfo",
    "Processes",
    "Promotion",
    "QuotaError",
    "Result",
    "RuntimeInfo",
    "Sandbox",
    "SandboxInfo",
    "ServerError",
    "Snapshot",
    "SnapshotInfo",
    "Template",
    "TemplateBuild",
    "TemplateInfo",
    "Terminal",
    "UnavailableError",
    "UnsupportedError",
    "Watch",
]
