"""What the package asks and how it understands answers, without a daemon."""

import asyncio
import base64
import json
import os
import unittest
from unittest import mock

import httpx

import brig
from brig import _core as core

SANDBOX = {
    "id": "s1",
    "template": "host",
    "status": "running",
    "runtime": "process",
    "boundary": "shared-kernel",
    "weaknesses": [],
    "metadata": {},
    "created_at": "2026-01-02T03:04:05.678Z",
    "expires_at": None,
    "ttl_seconds": None,
    "idle_seconds": None,
    "persistent": True,
}
PROCESS = {
    "id": "1",
    "pid": 7,
    "argv": ["x"],
    "cwd": "/workspace",
    "terminal": False,
    "timeout_seconds": None,
    "started_at": "2026-01-02T03:04:05.678Z",
    "running": False,
    "stdout_bytes": 0,
    "stderr_bytes": 0,
    "stdout_dropped": 0,
    "stderr_dropped": 0,
}
RESULT = {
    **PROCESS,
    "status": "ok",
    "exit_code": 0,
    "signal": None,
    "duration_ms": 1,
    "cpu_ms": 1,
    "peak_memory_bytes": 1,
    "limits_hit": [],
    "note": None,
    "stdout": "out",
    "stderr": "",
    "stdout_elided": 0,
    "stderr_elided": 0,
}


def refusal(status, code="some_code", **headers):
    return httpx.Response(status, json={"error": "why", "code": code, "request_id": "r-1"}, headers=headers)


class Script(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Answers one after the other; an exception is raised. Notes what was asked."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def _next(self, request):
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def handle_request(self, request):
        request.read()
        return self._next(request)

    async def handle_async_request(self, request):
        await request.aread()
        return self._next(request)

    def bodies(self):
        return [json.loads(request.content) for request in self.asked]


class PureCase(unittest.TestCase):
    def setUp(self):
        self.slept = []
        for name in ("brig._http.time.sleep", "brig._http.asyncio.sleep"):
            patch = mock.patch(name, side_effect=self.slept.append)
            patch.start()
            self.addCleanup(patch.stop)
        patch = mock.patch.dict(os.environ, {"BRIG_API_URL": "http://daemon:1", "BRIG_API_KEY": "brig_k"})
        patch.start()
        self.addCleanup(patch.stop)

    def client(self, *answers, **options):
        self.script = Script(*answers)
        return brig.Client(transport=self.script, **options)

    def sandbox(self, *answers):
        return brig.Sandbox.connect("s1", client=self.client(SANDBOX, *answers))


class Configuration(PureCase):
    def test_from_the_environment(self):
        self.sandbox()
        self.assertEqual(str(self.script.asked[0].url), "http://daemon:1/v1/sandboxes/s1")
        self.assertEqual(self.script.asked[0].headers["Authorization"], "Bearer brig_k")

    def test_what_is_given_wins(self):
        client = brig.Client("https://other", "brig_o", transport=Script(SANDBOX))
        self.assertEqual(client._config, core.Config("https://other", None, "brig_o"))

    def test_a_unix_socket(self):
        self.assertEqual(core.Config.find("unix:/run/b.sock", None).socket_path, "/run/b.sock")

    def test_nonsense_is_refused(self):
        for url in ("ftp://x", "localhost:2744", "http://", "unix:relative"):
            with self.subTest(url=url), self.assertRaises(brig.InvalidArgumentError):
                brig.Client(url)


class Errors(PureCase):
    def test_each_status_has_its_type(self):
        table = {
            400: brig.InvalidArgumentError,
            401: brig.AuthenticationError,
            403: brig.PermissionDeniedError,
            404: brig.NotFoundError,
            408: brig.DeadlineError,
            409: brig.ConflictError,
            413: brig.InvalidArgumentError,
            429: brig.QuotaError,
            431: brig.InvalidArgumentError,
            500: brig.ServerError,
            501: brig.UnsupportedError,
            503: brig.UnavailableError,
            504: brig.DeadlineError,
            507: brig.DiskFullError,
        }
        for status, kind in table.items():
            with self.subTest(status=status), self.assertRaises(brig.BrigError) as caught:
                self.sandbox(refusal(status)).pause()
            error = caught.exception
            self.assertIs(type(error), kind)
            self.assertEqual((error.status, error.code, error.message, error.request_id), (status, "some_code", error.message, "r-1"))
            self.assertEqual(error.message, "why (set BRIG_API_KEY, or give api_key)" if status == 401 else "why")

    def test_an_answer_that_is_not_the_daemons(self):
        with self.assertRaises(brig.ServerError) as caught:
            self.sandbox(httpx.Response(502, text="<html>bad gateway", headers={"X-Request-Id": "r-2"})).pause()
        self.assertEqual((caught.exception.message, caught.exception.code, caught.exception.request_id), ("<html>bad gateway", None, "r-2"))

    def test_use_after_the_end(self):
        with brig.Client(transport=Script(SANDBOX)) as client:
            sandbox = brig.Sandbox.connect("s1", client=client)
        for use in (sandbox.info, lambda: sandbox.exec("true"), lambda: sandbox.run_code("1"), lambda: list(sandbox.filesystem.read("f", "stream")), sandbox.kill):
            with self.assertRaisesRegex(brig.ClosedError, "`with` block .* is over"):
                use()

        async def asynchronously():
            async with brig.AsyncClient(transport=Script(SANDBOX)) as client:
                sandbox = await brig.AsyncSandbox.connect("s1", client=client)
            for use in (sandbox.info, lambda: sandbox.exec("true"), lambda: sandbox.run_code("1")):
                with self.assertRaisesRegex(brig.ClosedError, "`with` block .* is over"):
                    await use()

        asyncio.run(asynchronously())

    def test_no_daemon(self):
        with self.assertRaisesRegex(brig.ConnectionFailedError, "http://daemon:1.*brig serve"):
            self.sandbox(httpx.ConnectError("refused")).pause()

    def test_nothing_shadows_a_builtin(self):
        import builtins

        self.assertEqual([name for name in brig.__all__ if hasattr(builtins, name)], [])


class Retries(PureCase):
    def test_a_read_is_repeated(self):
        sandbox = self.sandbox(httpx.ReadError("cut"), refusal(503), refusal(429), SANDBOX)
        self.assertEqual(sandbox.info().id, "s1")
        self.assertEqual(len(self.slept), 3)

    def test_retry_after_is_respected_and_bounded(self):
        self.sandbox(refusal(503, **{"Retry-After": "7"}), refusal(503, **{"Retry-After": "86400"}), SANDBOX).info()
        self.assertEqual(self.slept, [7.0, 30.0])

    def test_pauses_grow_and_differ(self):
        pauses = [[core.backoff(n) for _ in range(50)] for n in range(12)]
        self.assertTrue(all(max(p) <= 5.0 for p in pauses))
        self.assertLess(max(pauses[0]), min(pauses[2]))
        self.assertGreater(len(set(pauses[5])), 1)

    def test_it_gives_up(self):
        sandbox = self.sandbox(*[refusal(503)] * 4)
        with self.assertRaises(brig.UnavailableError):
            sandbox.info()
        self.assertEqual(self.script.answers, [])

    def test_other_errors_are_not_repeated(self):
        sandbox = self.sandbox(refusal(500), SANDBOX)
        with self.assertRaises(brig.ServerError):
            sandbox.info()

    def test_creation_is_repeated_with_one_key(self):
        client = self.client(httpx.ReadError("cut"), refusal(409, "conflict"), refusal(503), SANDBOX)
        brig.Sandbox.create(client=client)
        keys = {request.headers["Idempotency-Key"] for request in self.script.asked}
        self.assertEqual((len(keys), len(self.script.asked)), (1, 4))

    def test_two_creations_have_two_keys(self):
        client = self.client(SANDBOX, SANDBOX)
        brig.Sandbox.create(client=client), brig.Sandbox.create(client=client)
        self.assertEqual(len({request.headers["Idempotency-Key"] for request in self.script.asked}), 2)

    def test_a_command_is_never_repeated(self):
        for options in ({}, {"background": True}, {"on_stdout": print}):
            for trouble in (httpx.ConnectError("refused"), httpx.ReadError("cut"), refusal(503), refusal(429)):
                with self.subTest(options=options, trouble=trouble):
                    sandbox = self.sandbox(trouble, RESULT)
                    with self.assertRaises(brig.BrigError):
                        sandbox.exec("x", **options)
                    self.assertEqual(len(self.script.asked), 2)

    def test_what_changes_something_is_not_repeated(self):
        for act in (
            lambda s: s.pause(),
            lambda s: s.filesystem.move("/a", "/b"),
            lambda s: s.filesystem.write("/a", iter([b"x"])),
            lambda s: s.filesystem.write("/a", b"x", exclusive=True),
        ):
            with self.assertRaises(brig.ConnectionFailedError):
                act(self.sandbox(httpx.ReadError("cut"), {}))
            self.assertEqual(len(self.script.asked), 2)

    def test_what_is_gone_after_a_cut_was_removed(self):
        self.sandbox(httpx.ReadError("cut"), refusal(404)).filesystem.remove("/a")
        self.assertTrue(self.sandbox(httpx.ReadError("cut"), refusal(404)).kill())
        self.assertFalse(self.sandbox(refusal(404)).kill())

    def test_async_repeats_alike(self):
        async def main():
            script = Script(httpx.ReadError("cut"), refusal(503), SANDBOX, httpx.ReadError("cut"))
            sandbox = await brig.AsyncSandbox.connect("s1", client=brig.AsyncClient(transport=script))
            with self.assertRaises(brig.ConnectionFailedError):
                await sandbox.exec("x")
            self.assertEqual(len(script.asked), 4)

        with mock.patch("brig._http.asyncio.sleep", mock.AsyncMock()):
            asyncio.run(main())


class Requests(PureCase):
    def test_only_what_was_asked_for_is_sent(self):
        brig.Sandbox.create(client=self.client(SANDBOX))
        brig.Sandbox.create("t", ttl_seconds=1.5, limits={"memory": "64M"}, require="hardware", libraries=("pandas",), client=self.client(SANDBOX))
        self.assertEqual(
            self.script.bodies(),
            [{"template": "t", "ttl_seconds": 1.5, "limits": {"memory": "64M"}, "require": "hardware", "libraries": ["pandas"]}],
        )
        with self.assertRaisesRegex(brig.InvalidArgumentError, "libraries: a list of names"):
            brig.Sandbox.create(libraries="pandas", client=self.client(SANDBOX))

    def test_a_line_and_a_list(self):
        sandbox = self.sandbox(RESULT, RESULT)
        sandbox.exec("ls | wc"), sandbox.exec(["ls", "a b"], cwd="/tmp", env={"A": "b"}, stdin="in", timeout_seconds=2)
        self.assertEqual(json.loads(self.script.asked[1].content), {"cmd": "ls | wc"})
        wanted = {"argv": ["ls", "a b"], "cwd": "/tmp", "env": {"A": "b"}, "stdin": "in", "timeout_seconds": 2}
        self.assertEqual(json.loads(self.script.asked[2].content), wanted)

    def test_paths_are_quoted(self):
        self.sandbox(httpx.Response(200, content=b"x")).filesystem.read("/workspace/a b&c=ü#?%.txt")
        self.assertEqual(self.script.asked[1].url.params["path"], "/workspace/a b&c=ü#?%.txt")
        with self.assertRaises(brig.NotFoundError):
            brig.Sandbox.connect("../keys", client=self.client(refusal(404)))
        self.assertEqual(self.script.asked[0].url.raw_path, b"/v1/sandboxes/..%2Fkeys")

    def test_pages(self):
        client = self.client({"items": [SANDBOX], "next_cursor": "c"}, {"items": [SANDBOX], "next_cursor": None})
        found = list(brig.Sandbox.list(states=["running", "paused"], metadata={"user": "7"}, page_size=1, client=client))
        self.assertEqual(len(found), 2)
        params = [dict(request.url.params) for request in self.script.asked]
        first = {"limit": "1", "state": "running,paused", "metadata.user": "7"}
        self.assertEqual(params, [first, {**first, "cursor": "c"}])

    def test_the_connection_to_one_that_has_ended(self):
        with self.assertRaisesRegex(brig.NotFoundError, "has ended \\(expired\\)"):
            brig.Sandbox.connect("s1", client=self.client({**SANDBOX, "status": "killed", "end_reason": "expired"}))

    def test_answers_may_have_more_than_is_known(self):
        self.assertEqual(self.sandbox({**SANDBOX, "news": 1}).info().id, "s1")


def event(name, data, id=""):
    return f"id: {id}\nevent: {name}\ndata: {json.dumps(data)}\n\n".encode()


def piece(stream, data):
    return event(stream, {"chunk_base64": base64.b64encode(data).decode()})


class Broken(httpx.SyncByteStream):
    """A body that breaks off after some pieces."""

    def __init__(self, *pieces):
        self.pieces = pieces

    def __iter__(self):
        yield from self.pieces
        raise httpx.ReadError("cut")


class Streams(PureCase):
    def test_events_in_pieces_of_any_size(self):
        text = b": hello\n\n" + event("stdout", {"chunk_base64": "aGk="}, "2-0") + event("exit", {"a": 1}).replace(b"\n", b"\r\n")
        whole = core.EventParser().feed(text)
        self.assertEqual([name for name, _, _ in whole], ["", "stdout", "exit"])
        for size in (1, 2, 3, 7):
            parser = core.EventParser()
            split = [found for at in range(0, len(text), size) for found in parser.feed(text[at : at + size])]
            self.assertEqual(split, whole)

    def test_a_cut_stream_goes_on_where_it_stopped(self):
        half = event("start", PROCESS) + piece("stdout", "aé".encode()[:2]) + piece("stderr", b"E")
        sandbox = self.sandbox(
            httpx.Response(200, stream=Broken(half, piece("stdout", b"lost")[:-3]), headers={"Brig-Process-Id": "1"}),
            httpx.Response(200, content=event("start", PROCESS)),  # ends early, without a word
            httpx.Response(200, content=piece("stdout", "aé!".encode()[2:]) + event("exit", PROCESS)),
            RESULT,
        )
        out, err = [], []
        result = sandbox.exec("x", on_stdout=out.append, on_stderr=err.append)
        self.assertEqual(("".join(out), err, result.stdout), ("aé!", ["E"], "out"))
        asked = [(r.method, r.url.path, dict(r.url.params)) for r in self.script.asked[2:4]]
        again = ("GET", "/v1/sandboxes/s1/processes/1/stream", {"encoding": "base64", "stdout": "2", "stderr": "1"})
        self.assertEqual(asked, [again, again])

    def test_it_gives_up_without_progress(self):
        start = {"headers": {"Brig-Process-Id": "1"}}
        sandbox = self.sandbox(*[httpx.Response(200, content=event("start", PROCESS), **start) for _ in range(4)])
        with self.assertRaises(brig.ConnectionFailedError):
            sandbox.exec("x", on_stdout=print)

    def test_what_a_callback_raises_comes_out(self):
        def complain(text):
            raise KeyError(text)

        with self.assertRaises(KeyError):
            self.sandbox(httpx.Response(200, content=piece("stdout", b"x"))).exec("x", on_stdout=complain)

    def test_a_sandbox_that_ends_with_its_command(self):
        end = {key: value for key, value in RESULT.items() if not key.startswith(("stdout_el", "stderr_el")) and key != "stdout"}
        content = event("start", PROCESS) + piece("stdout", b"four") + event("exit", {**end, "status": "expired"})
        result = self.sandbox(httpx.Response(200, content=content), refusal(404)).exec("x", on_stdout=lambda text: None)
        self.assertEqual((result.status, result.stdout, result.stdout_elided), ("expired", "", 4))


class Inputs(PureCase):
    def test_what_is_no_text_goes_on_its_own(self):
        sandbox = self.sandbox({**PROCESS, "running": True}, {"bytes": 2}, {**PROCESS, "running": True}, RESULT)
        self.assertEqual(sandbox.exec("cat", stdin=b"\xff\x00").stdout, "out")
        self.assertEqual(json.loads(self.script.asked[1].content), {"cmd": "cat", "keep_stdin": True, "background": True})
        self.assertEqual((self.script.asked[2].url.params["close"], self.script.asked[2].content), ("1", b"\xff\x00"))

    def test_an_input_that_nobody_reads_is_no_failure(self):
        sandbox = self.sandbox(PROCESS, refusal(409, "conflict"), RESULT)
        self.assertEqual(sandbox.exec("true", stdin=b"\xff").status, "ok")

    def test_an_open_input_needs_the_background(self):
        with self.assertRaises(brig.InvalidArgumentError):
            self.sandbox().exec("cat", stdin=True)

    def test_check(self):
        with self.assertRaisesRegex(brig.CommandError, "ended with error, exit code 3.*last words") as caught:
            self.sandbox({**RESULT, "status": "error", "exit_code": 3, "stderr": "x\nlast words\n"}).exec("x", check=True)
        self.assertEqual(caught.exception.result.exit_code, 3)


if __name__ == "__main__":
    unittest.main()
