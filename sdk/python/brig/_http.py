"""The two clients: they send calls, repeat what may be repeated, and follow streams. Everything else is in _core.py."""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, AsyncIterator, Dict, Iterator, List, Optional, Tuple, Type, TypeVar, Union

import httpx

from . import _core as core
from ._errors import BrigError, ClosedError, ConnectionFailedError, InvalidArgumentError, error_from

T = TypeVar("T")

CONNECT_SECONDS = 10.0


def _socket_options() -> List[Tuple[int, int, int]]:
    """The kernel asks the other side whether it is still there: an answer may take hours, a dead machine must not."""
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), value))
    return options


def _transport_options(config: core.Config) -> Dict[str, Any]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30)
    options: Dict[str, Any] = {"limits": limits}
    if config.socket_path is not None:
        options["uds"] = config.socket_path
    else:
        options["socket_options"] = _socket_options()
    if not config.base_url.startswith("https:"):
        options["verify"] = False  # no TLS: do not spend 20 ms on reading the system's certificates
    return options


def _client_options(config: core.Config) -> Dict[str, Any]:
    headers = {"User-Agent": "brig-python/0.1.0", "Accept-Encoding": "identity"}
    if config.api_key is not None:
        headers["Authorization"] = "Bearer " + config.api_key
    return {"base_url": config.base_url, "headers": headers}


def _timeout(asked: core.Call, usual: float) -> httpx.Timeout:
    silence = usual if asked.silence_seconds is None else asked.silence_seconds
    return httpx.Timeout(
        connect=min(CONNECT_SECONDS, usual), read=None if silence == float("inf") else silence, write=usual, pool=None
    )


def _connection_failed(error: httpx.TransportError, config: core.Config) -> BrigError:
    where = "unix:" + config.socket_path if config.socket_path is not None else config.base_url
    if isinstance(error, (httpx.UnsupportedProtocol, httpx.LocalProtocolError)):
        return InvalidArgumentError(f"the request cannot be sent: {error}")
    if isinstance(error, httpx.ConnectError):
        return ConnectionFailedError(f"no daemon answers at {where} ({error}); `brig serve` starts one, BRIG_API_URL says where it is")
    if isinstance(error, httpx.TimeoutException):
        return ConnectionFailedError(f"{where} does not answer ({type(error).__name__})")
    return ConnectionFailedError(f"the connection to {where} broke: {error or type(error).__name__}")


def _expect_open(client: Union[httpx.Client, httpx.AsyncClient]) -> None:
    if client.is_closed:
        raise ClosedError(
            "this was used after its end: the `with` block that made it is over, or close() was called. Use a sandbox inside its block, "
            "or make it without `with` and end it with kill(); Sandbox.connect(id) reaches one that lives on"
        )


def _has_been_done(asked: core.Call, status: int, has_broken: bool) -> bool:
    """What was to be removed is gone after an attempt whose answer was lost: that attempt did it."""
    return asked.method == "DELETE" and status == 404 and has_broken


class Client:
    """A connection to one daemon for one key, for any number of threads and sandboxes.

    Args:
        api_url: "http://HOST:PORT", "https://HOST" or "unix:/PATH"; default BRIG_API_URL, then http://127.0.0.1:2744.
        api_key: default BRIG_API_KEY; the Unix socket needs none.
        timeout_seconds: of silence before the connection counts as broken. It never ends a command: while the daemon waits for
            one, there is no such limit.
        max_retries: further attempts at requests that may be repeated. Commands are never repeated.
        transport: instead of a direct connection: a proxy, a certificate authority of your own, or a test's.
    """

    def __init__(
        self,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        *,
        timeout_seconds: float = 60.0,
        max_retries: int = 3,
        transport: Optional[httpx.BaseTransport] = None,
    ) -> None:
        self._given = (api_url, api_key, timeout_seconds, max_retries)
        self._config = core.Config.find(api_url, api_key)
        self._usual = timeout_seconds
        self._most = max_retries
        if transport is None:
            transport = httpx.HTTPTransport(**_transport_options(self._config))
        self._http = httpx.Client(transport=transport, **_client_options(self._config))

    def _twin(self) -> Client:
        """Another that lives as long as it is wanted. Not of one that was given a transport."""
        url, key, timeout, retries = self._given
        return Client(url, key, timeout_seconds=timeout, max_retries=retries)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _run(self, op: core.Op[T]) -> T:
        try:
            asked = next(op)
            while True:
                try:
                    response = self._respond(asked, is_streamed=False)
                except BrigError as error:
                    asked = op.throw(error)
                else:
                    asked = op.send(core.Reply(response.status_code, response.content))
        except StopIteration as done:
            result: T = done.value
            return result

    def _respond(self, asked: core.Call, is_streamed: bool) -> httpx.Response:
        _expect_open(self._http)
        has_broken = False
        attempt = 0
        while True:
            retry_after: Optional[str] = None
            try:
                request = self._http.build_request(
                    asked.method, asked.path, content=asked.content, headers=dict(asked.headers), timeout=_timeout(asked, self._usual)
                )
                response = self._http.send(request, stream=is_streamed)
                if response.status_code < 400 or _has_been_done(asked, response.status_code, has_broken):
                    return response
                error = error_from(response.status_code, response.read(), response.headers.get("X-Request-Id"))
                response.close()
                retry_after = response.headers.get("Retry-After")
            except httpx.TransportError as broken:
                error = _connection_failed(broken, self._config)
                error.__cause__ = broken
                has_broken = True
            delay = core.retry_delay(asked, attempt, self._most, error, retry_after)
            if delay is None:
                raise error
            time.sleep(delay)
            attempt += 1

    @contextmanager
    def _open(self, asked: core.Call) -> Iterator[httpx.Response]:
        response = self._respond(asked, is_streamed=True)
        try:
            yield response
        except httpx.TransportError as broken:
            raise _connection_failed(broken, self._config) from broken
        finally:
            response.close()

    def _follow(self, source: core.Source[T]) -> Iterator[T]:
        failures = 0
        while True:
            try:
                with self._open(source.next_call()) as response:
                    yield from source.opened(response.headers)
                    for piece in response.iter_bytes():
                        yield from source.feed(piece)
                        if source.is_over:
                            return
                if source.ends_with_connection:
                    return
                raise ConnectionFailedError(f"{source.what} ended before it was over")
            except ConnectionFailedError:
                failures = 0 if source.has_progressed else failures + 1
                if not source.may_go_on() or failures > self._most:
                    raise
                source.broke()
            time.sleep(core.backoff(failures))


class AsyncClient:
    """As Client, for asyncio: any number of tasks and sandboxes of one event loop."""

    def __init__(
        self,
        api_url: Optional[str] = None,
        api_key: Optional[str] = None,
        *,
        timeout_seconds: float = 60.0,
        max_retries: int = 3,
        transport: Optional[httpx.AsyncBaseTransport] = None,
    ) -> None:
        self._given = (api_url, api_key, timeout_seconds, max_retries)
        self._config = core.Config.find(api_url, api_key)
        self._usual = timeout_seconds
        self._most = max_retries
        if transport is None:
            transport = httpx.AsyncHTTPTransport(**_transport_options(self._config))
        self._http = httpx.AsyncClient(transport=transport, **_client_options(self._config))

    def _twin(self) -> AsyncClient:
        url, key, timeout, retries = self._given
        return AsyncClient(url, key, timeout_seconds=timeout, max_retries=retries)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        await self.close()

    async def _run(self, op: core.Op[T]) -> T:
        try:
            asked = next(op)
            while True:
                try:
                    response = await self._respond(asked, is_streamed=False)
                except BrigError as error:
                    asked = op.throw(error)
                else:
                    asked = op.send(core.Reply(response.status_code, response.content))
        except StopIteration as done:
            result: T = done.value
            return result

    async def _respond(self, asked: core.Call, is_streamed: bool) -> httpx.Response:
        _expect_open(self._http)
        has_broken = False
        attempt = 0
        while True:
            retry_after: Optional[str] = None
            try:
                request = self._http.build_request(
                    asked.method, asked.path, content=asked.content, headers=dict(asked.headers), timeout=_timeout(asked, self._usual)
                )
                response = await self._http.send(request, stream=is_streamed)
                if response.status_code < 400 or _has_been_done(asked, response.status_code, has_broken):
                    return response
                error = error_from(response.status_code, await response.aread(), response.headers.get("X-Request-Id"))
                await response.aclose()
                retry_after = response.headers.get("Retry-After")
            except httpx.TransportError as broken:
                error = _connection_failed(broken, self._config)
                error.__cause__ = broken
                has_broken = True
            delay = core.retry_delay(asked, attempt, self._most, error, retry_after)
            if delay is None:
                raise error
            await asyncio.sleep(delay)
            attempt += 1

    @asynccontextmanager
    async def _open(self, asked: core.Call) -> AsyncIterator[httpx.Response]:
        response = await self._respond(asked, is_streamed=True)
        try:
            yield response
        except httpx.TransportError as broken:
            raise _connection_failed(broken, self._config) from broken
        finally:
            await response.aclose()

    async def _follow(self, source: core.Source[T]) -> AsyncIterator[T]:
        failures = 0
        while True:
            try:
                async with self._open(source.next_call()) as response:
                    for item in source.opened(response.headers):
                        yield item
                    async for piece in response.aiter_bytes():
                        for item in source.feed(piece):
                            yield item
                        if source.is_over:
                            return
                if source.ends_with_connection:
                    return
                raise ConnectionFailedError(f"{source.what} ended before it was over")
            except ConnectionFailedError:
                failures = 0 if source.has_progressed else failures + 1
                if not source.may_go_on() or failures > self._most:
                    raise
                source.broke()
            await asyncio.sleep(core.backoff(failures))
