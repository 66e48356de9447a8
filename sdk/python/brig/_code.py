"""What cells of a code interpreter answer with. The shapes are those that users of E2B's code interpreter know."""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import Any, Dict, List, Mapping, Optional

_FORMS = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "markdown",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpeg",
    "application/pdf": "pdf",
    "text/latex": "latex",
    "application/json": "json",
    "application/javascript": "javascript",
    "e2b/data": "data",
    "e2b/chart": "chart",
}


def _parsed(text: str) -> Any:
    """What a cell said is JSON; None if it is none, or too deep."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _without_quotes(text: str) -> str:
    is_quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if is_quoted else text


@dataclasses.dataclass(frozen=True)
class CodeContext:
    """An interpreter that keeps its state from cell to cell."""

    id: str
    language: str
    cwd: str  #: where it began

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CodeContext:
        return cls(id=data["id"], language=data["language"], cwd=data["cwd"])


@dataclasses.dataclass(frozen=True)
class CodeResult:
    """One thing that a cell showed, in the forms that it has. The code inside made all of it: HTML and SVG are a stranger's.

    Pictures are base64, as they came; decoded() has the bytes.
    """

    is_main_result: bool  #: the value of the last expression; otherwise something displayed
    text: Optional[str] = None  #: of a string without its quotes; `raw` has it as it was
    html: Optional[str] = None
    markdown: Optional[str] = None
    svg: Optional[str] = None
    png: Optional[str] = None
    jpeg: Optional[str] = None
    pdf: Optional[str] = None
    latex: Optional[str] = None
    json: Any = None  #: a list or dictionary
    javascript: Optional[str] = None
    data: Optional[Dict[str, Any]] = None  #: of a data frame: its columns
    chart: Optional[Dict[str, Any]] = None  #: of a figure: `type`, `title`, `elements`, …
    extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)  #: other forms, by MIME type
    raw: Mapping[str, str] = dataclasses.field(default_factory=dict)  #: every form as it came, by MIME type

    def formats(self) -> List[str]:
        """The names of the forms that it has: "text", "png", …"""
        return [name for name in _FORMS.values() if getattr(self, name) is not None] + list(self.extra)

    def decoded(self, form: str = "png") -> bytes:
        """The bytes of "png", "jpeg" or "pdf". KeyError if it has no such form."""
        value = getattr(self, form, None) if form in ("png", "jpeg", "pdf") else None
        if value is None:
            raise KeyError(form)
        return base64.b64decode(value)

    def __str__(self) -> str:
        return self.text if self.text is not None else f"CodeResult({', '.join(self.formats())})"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CodeResult:
        raw: Dict[str, str] = dict(data["data"])
        known: Dict[str, Any] = {}
        extra: Dict[str, Any] = {}
        for mime, form in raw.items():
            name = _FORMS.get(mime)
            if name == "text":
                known[name] = _without_quotes(form)
            elif name in ("data", "chart"):
                value = _parsed(form)
                known[name] = value if isinstance(value, dict) else None
            elif name == "json":
                known[name] = _parsed(form)
            elif name is not None:
                known[name] = form
            else:
                extra[mime] = _parsed(form) if mime.endswith("json") else form
        return cls(is_main_result=data["is_main"], extra=extra, raw=raw, **known)


@dataclasses.dataclass(frozen=True)
class ExecutionError:
    """What went wrong in a cell: the program's exception, or what became of its interpreter. A value, no exception of ours."""

    name: str  #: "ZeroDivisionError"; "TimeoutError", "KernelDied", "LanguageNotAvailable", … if it was not the program's
    value: str
    traceback: str  #: begins in the cell
    hint: str = ""  #: what can be done about it, where the daemon knows that (a module that the template lacks)

    def __str__(self) -> str:
        return f"{self.name}: {self.value}"

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ExecutionError:
        return cls(name=data["name"], value=data["value"], traceback=data["traceback"], hint=data.get("hint", ""))


@dataclasses.dataclass(frozen=True)
class Logs:
    """What a cell printed, in pieces: `"".join(logs.stdout)`. Of more than the sandbox's limits.output_bytes, the first and the last half, and
    between them a piece that says so: "[… 9000 characters elided …]" on a line of its own."""

    stdout: List[str]
    stderr: List[str]
    stdout_elided: int = 0  #: characters that are missing between the two halves
    stderr_elided: int = 0


@dataclasses.dataclass(frozen=True)
class Execution:
    """One cell, ended.

    `status`: "ok", "error" (an exception; a command of bash that failed), "timeout" or "interrupted" (the state is kept), "exit" (it asked
    for the interpreter's end; the state is kept) or "died" (the interpreter is gone, and the state: the next cell begins anew).
    """

    status: str
    results: List[CodeResult]
    logs: Logs
    error: Optional[ExecutionError]
    execution_count: Optional[int]  #: which cell of its interpreter it was, from 1; None if it never began
    exit_code: Optional[int] = None  #: of "exit"
    dropped: int = 0  #: results that were too many or too large

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def text(self) -> Optional[str]:
        """The text of the last expression's value; None if it had none."""
        return next((result.text for result in self.results if result.is_main_result), None)
