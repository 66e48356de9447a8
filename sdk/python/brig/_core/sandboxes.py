"""Requests about sandboxes and copies of them."""

from __future__ import annotations

import time
import uuid
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union
from urllib.parse import quote

from .._errors import DeadlineError, InvalidArgumentError, NotFoundError
from .._types import Lifetime, Metrics, PortInfo, Preview, Promotion, RuntimeInfo, SandboxInfo, SnapshotInfo, TemplateInfo
from .calls import Op, call, text_of

#: Between two looks at whether a port is listened on.
PORT_STEP_SECONDS = 0.1

def sandbox_path(id: str) -> str:
    return "/v1/sandboxes/" + quote(id, safe="")


def create_body(
    template: Optional[str],
    ttl_seconds: Optional[float],
    idle_seconds: Optional[float],
    persistent: bool,
    metadata: Optional[Mapping[str, str]],
    envs: Optional[Mapping[str, str]],
    limits: Optional[Mapping[str, Union[int, float, str]]],
    policy: Optional[str],
    require: Optional[str],
    from_snapshot: Optional[str] = None,
    runtime: Optional[str] = None,
    libraries: Optional[Sequence[str]] = None,
) -> Dict[str, Any]:
    if isinstance(libraries, str):
        raise InvalidArgumentError("libraries: a list of names is expected")
    body: Dict[str, Any] = {}
    optional: Dict[str, Any] = {
        # A snapshot's own, if nothing is said.
        "template": "host" if template is None and from_snapshot is None else template,
        "from_snapshot": from_snapshot,
        "ttl_seconds": ttl_seconds,
        "idle_seconds": idle_seconds,
        "metadata": None if metadata is None else dict(metadata),
        "envs": None if envs is None else dict(envs),
        "limits": None if limits is None else dict(limits),
        "policy": policy,
        "require": require,
        "runtime": runtime,
        "libraries": None if libraries is None else list(libraries),
    }
    body.update((name, value) for name, value in optional.items() if value is not None)
    if persistent:
        body["persistent"] = True
    return body


def create(body: Mapping[str, Any]) -> Op[SandboxInfo]:
    # The key makes it safe to ask again: whoever asks twice with one key gets one sandbox.
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    reply = yield call("POST", "/v1/sandboxes", body=body, headers=headers, is_repeatable=True)
    return SandboxInfo.from_json(reply.json())


def info(id: str) -> Op[SandboxInfo]:
    reply = yield call("GET", sandbox_path(id))
    return SandboxInfo.from_json(reply.json())


def connect(id: str) -> Op[SandboxInfo]:
    found = yield from info(id)
    if found.is_ended:
        raise NotFoundError(f"sandbox {id} has ended ({found.end_reason})", status=404, code="not_found")
    return found


def page(
    states: Optional[Sequence[str]],
    metadata: Optional[Mapping[str, str]],
    template: Optional[str],
    page_size: int,
    cursor: Optional[str],
) -> Op[Tuple[List[SandboxInfo], Optional[str]]]:
    params = {"limit": str(page_size)}
    if states is not None:
        params["state"] = ",".join(states)
    if template is not None:
        params["template"] = template
    if cursor is not None:
        params["cursor"] = cursor
    params.update(("metadata." + name, value) for name, value in (metadata or {}).items())
    answer = (yield call("GET", "/v1/sandboxes", params=params)).json()
    return [SandboxInfo.from_json(item) for item in answer["items"]], answer["next_cursor"]


def runtimes() -> Op[List[RuntimeInfo]]:
    reply = yield call("GET", "/v1/runtimes")
    return [RuntimeInfo.from_json(item) for item in reply.json()["items"]]


def templates() -> Op[List[TemplateInfo]]:
    answer = (yield call("GET", "/v1/templates")).json()
    # A key behind "pds_" is answered as PandaStack's clients expect.
    return [TemplateInfo.from_json(item) for item in (answer if isinstance(answer, list) else answer["items"])]


def attestation(id: str) -> Op[Dict[str, Any]]:
    reply = yield call("GET", sandbox_path(id) + "/attestation")
    found: Dict[str, Any] = reply.json()
    return found


def kill(id: str) -> Op[bool]:
    try:
        yield call("DELETE", sandbox_path(id))
    except NotFoundError:
        return False
    return True


def act(id: str, verb: str) -> Op[None]:
    yield call("POST", f"{sandbox_path(id)}/{verb}")


def lifetime(id: str) -> Op[Lifetime]:
    reply = yield call("GET", sandbox_path(id) + "/lifecycle")
    return Lifetime.from_json(reply.json())


def set_ttl(id: str, ttl_seconds: Optional[float]) -> Op[Lifetime]:
    body: Dict[str, Any] = {"persistent": True} if ttl_seconds is None else {"ttl_seconds": ttl_seconds}
    reply = yield call("PATCH", sandbox_path(id) + "/lifecycle", body=body, is_repeatable=True)
    return Lifetime.from_json(reply.json())


def set_idle(id: str, idle_seconds: Optional[float]) -> Op[Lifetime]:
    body = {"idle_seconds": idle_seconds}
    reply = yield call("PATCH", sandbox_path(id) + "/lifecycle", body=body, is_repeatable=True)
    return Lifetime.from_json(reply.json())


def metrics(id: str) -> Op[Metrics]:
    reply = yield call("GET", sandbox_path(id) + "/metrics")
    return Metrics.from_json(reply.json())


def logs(id: str, stream: Optional[str]) -> Op[str]:
    params = {} if stream is None else {"stream": stream}
    return text_of((yield call("GET", sandbox_path(id) + "/logs", params=params)))


# Copies


def take_snapshot(id: str) -> Op[SnapshotInfo]:
    reply = yield call("POST", sandbox_path(id) + "/snapshots", silence_seconds=float("inf"))
    return SnapshotInfo.from_json(reply.json())


def snapshots(sandbox_id: Optional[str]) -> Op[List[SnapshotInfo]]:
    params = {} if sandbox_id is None else {"sandbox_id": sandbox_id}
    reply = yield call("GET", "/v1/snapshots", params=params)
    return [SnapshotInfo.from_json(item) for item in reply.json()["snapshots"]]


def snapshot(id: str) -> Op[SnapshotInfo]:
    reply = yield call("GET", "/v1/snapshots/" + quote(id, safe=""))
    return SnapshotInfo.from_json(reply.json())


def delete_snapshot(id: str) -> Op[bool]:
    try:
        yield call("DELETE", "/v1/snapshots/" + quote(id, safe=""))
    except NotFoundError:
        return False
    return True


def fork(id: str, metadata: Optional[Mapping[str, str]]) -> Op[SandboxInfo]:
    body = {} if metadata is None else {"metadata": dict(metadata)}
    reply = yield call("POST", sandbox_path(id) + "/fork", body=body, silence_seconds=float("inf"))
    return SandboxInfo.from_json(reply.json()["sandbox"])


def fork_tree(id: str, count: int, metadata: Optional[Mapping[str, str]]) -> Op[Tuple[str, List[SandboxInfo], Tuple[str, ...]]]:
    """(tree, children, errors)"""
    body: Dict[str, Any] = {"count": count}
    if metadata is not None:
        body["metadata"] = dict(metadata)
    answer = (yield call("POST", sandbox_path(id) + "/fork-tree", body=body, silence_seconds=float("inf"))).json()
    return answer["tree_id"], [SandboxInfo.from_json(child) for child in answer["children"]], tuple(answer.get("errors", ()))


def promote(id: str, tree_id: Optional[str], cleanup_siblings: bool) -> Op[Promotion]:
    body: Dict[str, Any] = {"cleanup_siblings": cleanup_siblings}
    if tree_id is not None:
        body["tree_id"] = tree_id
    # The siblings that a first attempt has ended are not there for a second: it may be repeated.
    reply = yield call("POST", sandbox_path(id) + "/promote", body=body, is_repeatable=True)
    return Promotion.from_json(reply.json())


# Ports


def port_path(id: str, port: int) -> str:
    return f"{sandbox_path(id)}/ports/{port:d}"


def ports(id: str) -> Op[List[PortInfo]]:
    reply = yield call("GET", sandbox_path(id) + "/ports")
    return [PortInfo.from_json(item) for item in reply.json()["ports"]]


def preview(id: str, port: int, expires_in_seconds: float) -> Op[Preview]:
    # Nothing is kept of a preview: made twice, there are two that are as good.
    body = {"expires_in_seconds": expires_in_seconds}
    reply = yield call("POST", port_path(id, port) + "/preview", body=body, is_repeatable=True)
    return Preview.from_json(reply.json())


def is_listening(id: str, port: int, give_up: float) -> Op[bool]:
    """Whether it is; DeadlineError if it is not and the time (of time.monotonic) is over."""
    found = yield from ports(id)
    if any(one.port == port for one in found):
        return True
    if time.monotonic() >= give_up:
        raise DeadlineError(f"nothing listens on port {port} of sandbox {id} yet")
    return False
