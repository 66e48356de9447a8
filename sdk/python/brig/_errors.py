"""What can go wrong, as types. Every error of this package is a BrigError."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Mapping, Optional, Type

if TYPE_CHECKING:
    from ._types import Result


class BrigError(Exception):
    """Something that was asked of the daemon did not happen.

    Attributes:
        message: a sentence for a person.
        status: the HTTP status; None if there was no answer.
        code: a stable word for programs, such as "not_found" or "no_such_file"; None if there was no answer.
        request_id: names the request in the daemon's log; None if there was no answer.
    """

    def __init__(
        self,
        message: str,
        *,
        status: Optional[int] = None,
        code: Optional[str] = None,
        request_id: Optional[str] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.message} (request {self.request_id})" if self.request_id else self.message


class InvalidArgumentError(BrigError):
    """The request makes no sense to the daemon, or is too large (400, 413 and the like)."""


class AuthenticationError(BrigError):
    """The key is missing, unknown, revoked or has expired (401)."""


class PermissionDeniedError(BrigError):
    """The key may not do this, or the sandbox's kernel refused it (403)."""


class NotFoundError(BrigError):
    """No such sandbox of this key, process or file (404). A file's `code` is "no_such_file"."""


class ConflictError(BrigError):
    """Not in this state: paused, ended, already there, a folder where a file is needed (409)."""


class QuotaError(BrigError):
    """The key's quota is used up, or the sandbox may have no more of something (429)."""


class UnsupportedError(BrigError):
    """This host or runtime cannot do or enforce it (501)."""


class UnavailableError(BrigError):
    """The daemon has no room, or is stopping (503). Worth another attempt later."""


class DeadlineError(BrigError):
    """It took longer than was allowed (408, 504, or a patience given to wait())."""


class DiskFullError(BrigError):
    """The sandbox's disk is full (507)."""


class ServerError(BrigError):
    """The daemon failed (other 5xx). Its log has the request id."""


class ConnectionFailedError(BrigError):
    """The daemon cannot be reached, or the connection broke before its answer was complete."""


class ClosedError(BrigError):
    """This object's connections are closed: its `with` block has ended, or close() was called. Nothing was asked of the daemon."""


class CommandError(BrigError):
    """A command that was run with check=True did not end with status "ok"; `result` says how it ended."""

    def __init__(self, result: "Result") -> None:
        text = f"the command ended with {result.status}, exit code {result.exit_code}"
        if result.note:
            text += f": {result.note}"
        last_words = result.stderr.strip().splitlines()[-1:]
        if last_words:
            text += f"; its last line of stderr: {last_words[0][:500]}"
        super().__init__(text)
        self.result = result


_BY_STATUS: Mapping[int, Type[BrigError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: DeadlineError,
    409: ConflictError,
    429: QuotaError,
    501: UnsupportedError,
    503: UnavailableError,
    504: DeadlineError,
    507: DiskFullError,
}


def error_from(status: int, body: bytes, request_id: Optional[str]) -> BrigError:
    """The error that an answer stands for. A body that is not the daemon's (a proxy's page) is quoted, cut short."""
    kind = _BY_STATUS.get(status) or (ServerError if status >= 500 else InvalidArgumentError)
    message, code = "", None
    try:
        said = json.loads(body)
        message, code = str(said["error"]), str(said["code"])
        request_id = str(said.get("request_id") or request_id or "") or None
    except (ValueError, KeyError, TypeError):
        message = body[:200].decode(errors="replace").strip()
    message = message or f"HTTP status {status}"
    if status == 401:
        message += " (set BRIG_API_KEY, or give api_key)"
    return kind(message, status=status, code=code, request_id=request_id)
