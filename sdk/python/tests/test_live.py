"""Every method against a real daemon, with real sandboxes."""

import asyncio
import hashlib
import io
import os
import tempfile
import threading
import tracemalloc
import unittest

import brig
from brig import AsyncSandbox, Sandbox

from daemon import PATIENCE, WHY_NOT, CuttingProxy
from live import LiveCase, daemon, setUpModule, tearDownModule  # noqa: F401  (unittest calls the last two)

MIB = 1 << 20
# Prints numbered lines, with a pause now and then, so that a stream is alive for a while.
COUNT = "import time\nfor i in range(3000):\n    print(i, 'é' * 50, flush=i % 50 == 0)\n    if i % 300 == 0: time.sleep(0.05)\n"
COUNTED = "".join(f"{i} {'é' * 50}\n" for i in range(3000))
# More than one event, so that there is progress on each connection, and several times less than all of it.
CUT = 100_000


class Counting:
    """A file of so many bytes that are made as they are read."""

    def __init__(self, size):
        self.left, self.hash, self.block = size, hashlib.sha256(), os.urandom(MIB)

    def read(self, most):
        piece = self.block[: min(most, self.left)]
        self.left -= len(piece)
        self.hash.update(piece)
        return piece


class Life(LiveCase):
    def test_the_end_of_a_block_is_its_end(self):
        with Sandbox.create() as sandbox:
            self.assertEqual(sandbox.info().status, "running")
            self.assertIn(sandbox.id, repr(sandbox))
        with Sandbox.connect(self.sandbox.id) as other:
            self.assertEqual(other.exec("true").status, "ok")
        self.assertEqual(self.sandbox.info().status, "running")  # it was only visited
        again = self.sandbox.info
        self.assertTrue(self.sandbox.kill())
        self.assertFalse(self.sandbox.kill())
        self.assertEqual((again().status, again().end_reason), ("killed", "killed"))
        with self.assertRaises(brig.NotFoundError):
            self.sandbox.exec("true")
        with self.assertRaises(brig.NotFoundError):
            Sandbox.connect(self.sandbox.id)

    def test_walls(self):
        walls = {wall.name: wall for wall in Sandbox.runtimes()}
        process = walls["process"]
        self.assertEqual((process.boundary, process.available, process.why_not, process.allowed), ("shared-kernel", True, None, True))
        sandbox = self.make(runtime="process")
        info = sandbox.info()
        self.assertEqual((info.runtime, info.capabilities), ("process", process.capabilities))
        self.assertEqual(sandbox.attestation()["choice"], "asked for by name")
        self.assertEqual(asyncio.run(AsyncSandbox.runtimes()), list(walls.values()))
        with self.assertRaises(brig.InvalidArgumentError) as caught:
            self.make(runtime="proces")
        self.assertIn('did you mean "process"', str(caught.exception))

    def test_templates(self):
        host = next(one for one in Sandbox.templates() if one.name == "host")
        self.assertEqual((host.digest, host.usable, host.allowed, host.working_folder), (None, True, True, "/workspace"))
        self.assertIn(host, asyncio.run(AsyncSandbox.templates()))
        with self.assertRaises(brig.NotFoundError):
            self.make(template="no-such-template")

    def test_what_it_was_given(self):
        sandbox = self.make(
            ttl_seconds=100, idle_seconds=50, metadata={"user": "ü"}, envs={"A": "b"}, limits={"memory": "64M", "cpus": 0.5}, policy="strict"
        )
        info = sandbox.info()
        self.assertEqual((info.ttl_seconds, info.idle_seconds, info.persistent, info.metadata), (100, 50, False, {"user": "ü"}))
        self.assertEqual((info.limits.memory_bytes, info.limits.cpus, info.template), (64 * MIB, 0.5, "host"))
        self.assertEqual((info.expires_at - info.created_at).total_seconds(), 100)
        self.assertEqual(sandbox.exec("echo $A").stdout, "b\n")

    def test_lists_by_page_metadata_and_state(self):
        made = [self.make(metadata={"group": "list", "n": str(n)}) for n in range(3)]
        found = list(Sandbox.list(metadata={"group": "list"}, page_size=1))
        self.assertEqual({info.id for info in found}, {sandbox.id for sandbox in made})
        made[0].kill()
        self.assertEqual(len(list(Sandbox.list(metadata={"group": "list"}))), 2)
        ended = list(Sandbox.list(metadata={"group": "list"}, states=["killed"], template="host"))
        self.assertEqual([(info.id, info.end_reason) for info in ended], [(made[0].id, "killed")])

    def test_pause_and_resume(self):
        self.sandbox.pause()
        self.assertEqual(self.sandbox.info().status, "paused")
        with self.assertRaises(brig.ConflictError):
            self.sandbox.exec("true")
        self.sandbox.resume()
        self.assertEqual(self.sandbox.exec("true").status, "ok")

    def test_deadlines(self):
        self.assertEqual(self.sandbox.set_ttl(1000).ttl_seconds, 1000)
        self.assertEqual(self.sandbox.set_idle(70).idle_seconds, 70)
        self.assertIsNone(self.sandbox.set_idle(None).idle_seconds)
        self.assertTrue(self.sandbox.set_ttl(None).persistent)
        self.assertIsNone(self.sandbox.lifetime().expires_at)
        with self.assertRaises(brig.InvalidArgumentError):
            self.sandbox.set_ttl(10**9)
        self.assertFalse(self.sandbox.set_ttl(0.2).persistent)
        self.eventually(lambda: self.sandbox.info().is_ended)
        self.assertEqual(self.sandbox.info().end_reason, "expired")
        with self.assertRaises(brig.NotFoundError):
            self.sandbox.metrics()

    def test_expiry_during_a_command(self):
        sandbox = self.make(ttl_seconds=1)
        self.assertEqual(sandbox.exec("sleep 60").status, "expired")
        with self.assertRaises(brig.NotFoundError):
            sandbox.exec("true")

    def test_what_confines_it_and_what_it_used(self):
        self.assertEqual(self.sandbox.attestation()["boundary"], "shared-kernel")
        self.sandbox.exec("true")
        metrics = self.sandbox.metrics()
        self.assertGreater(metrics.peak_memory_bytes, 0)
        self.assertEqual(metrics.memory_limit_bytes, self.sandbox.info().limits.memory_bytes)


class Refusals(LiveCase):
    def test_each_has_its_type(self):
        for kind, act in {
            brig.AuthenticationError: lambda: Sandbox.create(api_key="brig_" + "0" * 40),
            brig.NotFoundError: lambda: Sandbox.create("no-such-template"),
            brig.InvalidArgumentError: lambda: Sandbox.create(limits={"wishes": 3}),
            brig.UnsupportedError: lambda: Sandbox.create(require="hardware"),
            brig.ConnectionFailedError: lambda: brig.Client("http://127.0.0.1:9", max_retries=0)._run(brig._core.info("x")),
        }.items():
            with self.subTest(kind=kind.__name__), self.assertRaises(kind) as caught:
                act()
            if kind is not brig.ConnectionFailedError:
                self.assertTrue(caught.exception.request_id and caught.exception.code and caught.exception.message)
        with self.assertRaises(brig.InvalidArgumentError):
            self.sandbox.exec("x" * (2 * MIB))

    def test_over_the_unix_socket_without_a_key(self):
        key = os.environ.pop("BRIG_API_KEY")
        self.addCleanup(os.environ.__setitem__, "BRIG_API_KEY", key)
        with Sandbox.create(api_url="unix:" + daemon().socket) as sandbox:
            self.assertEqual(sandbox.exec("echo hi").stdout, "hi\n")
        with self.assertRaises(brig.AuthenticationError):
            Sandbox.create()


class Commands(LiveCase):
    def test_a_result(self):
        result = self.sandbox.exec("echo out; echo err >&2; exit 3")
        self.assertEqual((result.status, result.exit_code, result.signal, result.ok), ("error", 3, None, False))
        self.assertEqual((result.stdout, result.stderr, result.stdout_elided), ("out\n", "err\n", 0))
        self.assertGreater(result.peak_memory_bytes, 0)
        with self.assertRaises(brig.CommandError) as caught:
            self.sandbox.exec(["/bin/sh", "-c", "exit 4"], check=True)
        self.assertEqual(caught.exception.result.exit_code, 4)

    def test_where_and_with_what(self):
        result = self.sandbox.exec(["/bin/sh", "-c", 'pwd; echo "$A"; cat'], cwd="/tmp", env={"A": "b c"}, stdin="ü\n")
        self.assertEqual(result.stdout, "/tmp\nb c\nü\n")
        self.assertEqual(self.sandbox.exec("cat").stdout, "")  # no input is the end of input
        missing = self.sandbox.exec(["no-such-program"])
        self.assertEqual((missing.exit_code, "no-such-program" in missing.note), (127, True))

    def test_a_large_and_a_binary_input(self):
        data = os.urandom(3 * MIB)
        self.assertEqual(self.sandbox.exec("sha256sum", stdin=data).stdout.split()[0], hashlib.sha256(data).hexdigest())
        text = "zeile ü\n" * 100_000
        self.assertEqual(self.sandbox.exec("wc -c", stdin=text).stdout.strip(), str(len(text.encode())))
        self.assertEqual(self.sandbox.exec("head -c 1", stdin=b"\xff" * MIB).exit_code, 0)
        pieces = []
        self.sandbox.exec("tr -d '\\377' | cat -", stdin=b"\xffx" * MIB, on_stdout=pieces.append)
        self.assertEqual("".join(pieces), "x" * MIB)

    def test_an_input_that_the_program_closes(self):
        result = self.sandbox.exec("exec <&-; sleep 0.3; echo done", stdin=b"\xff" * (2 * MIB))
        self.assertEqual((result.status, result.stdout), ("ok", "done\n"))

    def test_timeouts(self):
        self.assertEqual(self.sandbox.exec("sleep 60", timeout_seconds=0.2).status, "timeout")
        sandbox = self.make(limits={"timeout": 0.3})
        self.assertEqual(sandbox.exec("sleep 60").exit_code, 124)
        self.assertEqual(sandbox.exec("cat; sleep 60", stdin=b"\xff").status, "timeout")
        self.assertEqual(sandbox.exec("sleep 60", on_stdout=print).status, "timeout")

    def test_signals_and_limits(self):
        result = self.sandbox.exec("kill -9 $$")
        self.assertEqual((result.status, result.exit_code, result.signal), ("signal", 137, 9))
        self.assertEqual(self.make(limits={"memory": "32M"}).exec(["python3", "-c", "x = 'a' * 10**9"]).status, "memory_limit")
        result = self.make(limits={"output": "1K"}).exec("head -c 100000 /dev/zero | tr '\\0' x")
        self.assertEqual(result.stdout_elided, 100_000 - 1024)

    def test_bytes_that_are_no_text(self):
        result = self.sandbox.exec(r"printf '\377\0\303\251'")
        self.assertEqual(result.stdout, "\ufffd\0é")
        self.assertEqual(self.sandbox.processes.get(result.process_id).output(), b"\xff\0\xc3\xa9")

    def test_callbacks(self):
        out, err = [], []
        result = self.sandbox.exec(["python3", "-c", COUNT + "import sys; sys.exit('bye')"], on_stdout=out.append, on_stderr=err.append)
        self.assertEqual(("".join(out), "".join(err), result.exit_code), (COUNTED, "bye\n", 1))
        self.assertEqual(result.stdout, COUNTED)
        only = []
        self.sandbox.exec("echo a; echo b >&2", on_stderr=only.append)
        self.assertEqual(only, ["b\n"])

    def test_a_connection_that_is_cut_again_and_again(self):
        proxy = CuttingProxy(daemon().url)
        self.addCleanup(proxy.close)
        proxy.cut_after = CUT
        with Sandbox.connect(self.sandbox.id, api_url=proxy.url) as sandbox:
            out = []
            result = sandbox.exec(["python3", "-c", COUNT], on_stdout=out.append)
            self.assertEqual(("".join(out), result.status), (COUNTED, "ok"))
            self.assertGreater(proxy.cuts, 1)
            cuts = proxy.cuts
            process = sandbox.exec(["python3", "-c", COUNT], background=True)
            self.assertEqual(b"".join(piece.data for piece in process.stream()).decode(), COUNTED)
            self.assertGreater(proxy.cuts, cuts)


class LostAnswers(LiveCase):
    def setUp(self):
        super().setUp()
        self.proxy = CuttingProxy(daemon().url)
        self.addCleanup(self.proxy.close)

    def test_a_creation_is_asked_for_again_and_happens_once(self):
        self.proxy.swallow = b"POST /v1/sandboxes "
        with Sandbox.create(metadata={"lost": "1"}, api_url=self.proxy.url) as sandbox:
            self.assertEqual([info.id for info in Sandbox.list(metadata={"lost": "1"})], [sandbox.id])
        self.assertEqual(self.proxy.cuts, 1)

    def test_a_command_happens_once_and_is_not_asked_for_again(self):
        sandbox = Sandbox.connect(self.sandbox.id, api_url=self.proxy.url)
        self.addCleanup(sandbox.close)
        self.proxy.swallow = b"POST "
        with self.assertRaises(brig.ConnectionFailedError):
            sandbox.exec("echo ran >> log")
        self.assertEqual((self.proxy.cuts, sandbox.filesystem.read("/workspace/log")), (1, "ran\n"))

    def test_a_removal_whose_answer_is_lost_has_happened(self):
        self.sandbox.filesystem.write("/workspace/f", "")
        sandbox = Sandbox.connect(self.sandbox.id, api_url=self.proxy.url)
        self.addCleanup(sandbox.close)
        self.proxy.swallow = b"DELETE "
        sandbox.filesystem.remove("/workspace/f")
        self.assertEqual(self.proxy.cuts, 1)
        with self.assertRaises(brig.NotFoundError):
            sandbox.filesystem.remove("/workspace/f")


class Background(LiveCase):
    def test_it_goes_on_and_is_found_again(self):
        process = self.sandbox.exec("echo started; read line; echo got $line; sleep 600", background=True, stdin=True)
        self.assertTrue(process.info().running)
        self.assertGreater(process.pid, 1)
        with self.assertRaises(brig.DeadlineError):
            process.wait(0.05)
        process.send_stdin("wörds\n")
        seen = b""
        for piece in process.stream():
            seen += piece.data
            if b"got" in seen and seen.endswith(b"\n"):
                break
        self.assertEqual(seen.decode(), "started\ngot wörds\n")
        other = Sandbox.connect(self.sandbox.id)
        self.addCleanup(other.close)
        self.assertIn(process.id, [info.id for info in other.processes.list()])
        found = other.processes.get(process.id)
        found.signal("TERM")
        result = process.wait()
        self.assertEqual((result.status, result.signal, result.stdout), ("signal", 15, "started\ngot wörds\n"))
        self.assertFalse(found.info().running)
        with self.assertRaises(brig.ConflictError):
            found.signal(15)
        found.kill()  # has ended: nothing
        with self.assertRaises(brig.NotFoundError):
            self.sandbox.processes.get("999")

    def test_input_until_its_end(self):
        process = self.sandbox.exec("cat", background=True, stdin=True)
        process.send_stdin(b"\xff\0")
        process.send_stdin("end")
        process.close_stdin()
        self.assertEqual(process.wait().status, "ok")
        self.assertEqual(process.output(), b"\xff\0end")
        self.assertEqual(process.output(offset=2), b"end")
        with self.assertRaises(brig.ConflictError):
            process.send_stdin("more")

    def test_kill(self):
        process = self.sandbox.exec(["sleep", "600"], background=True)
        process.kill()
        self.assertEqual(process.wait().signal, 9)

    def test_a_time_limit_of_its_own(self):
        self.assertEqual(self.sandbox.exec("sleep 600", background=True, timeout_seconds=0.2).wait().status, "timeout")

    def test_a_stream_from_the_middle(self):
        process = self.sandbox.exec("printf 0123456789; printf abc >&2", background=True)
        process.wait()
        pieces = list(process.stream(stdout_offset=4, stderr_offset=3))
        self.assertEqual([(piece.stream, piece.text, piece.offset) for piece in pieces], [("stdout", "456789", 4)])
        self.assertEqual((pieces[-1].stdout_offset, pieces[-1].stderr_offset), (10, 3))

    def test_the_end_of_the_sandbox_is_seen(self):
        process = self.sandbox.exec("echo ready; sleep 600", background=True)
        begun = threading.Event()
        texts = []

        def follow():
            for piece in process.stream():
                texts.append(piece.text)
                begun.set()

        waiting = threading.Thread(target=follow)
        waiting.start()
        self.assertTrue(begun.wait(PATIENCE))
        self.sandbox.kill()
        waiting.join(PATIENCE)
        self.assertFalse(waiting.is_alive())
        self.assertEqual(texts, ["ready\n"])


class Files(LiveCase):
    def setUp(self):
        super().setUp()
        self.files = self.sandbox.filesystem
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def test_text_and_bytes(self):
        self.assertEqual(self.files.write("/workspace/über/a b.txt", "grüße\n"), 8)
        self.assertEqual(self.files.read("/workspace/über/a b.txt"), "grüße\n")
        self.files.write("/workspace/b", bytes(range(256)))
        self.assertEqual(self.files.read("/workspace/b", "bytes"), bytes(range(256)))
        with self.assertRaises(UnicodeDecodeError):
            self.files.read("/workspace/b")
        self.files.write("/workspace/empty", "")
        self.assertEqual(self.files.read("/workspace/empty"), "")
        self.assertEqual(b"".join(self.files.read("/workspace/b", "stream")), bytes(range(256)))
        for data in (io.BytesIO(b"file"), io.StringIO("file"), iter([b"fi", b"le"])):
            self.files.write("/workspace/c", data)
            self.assertEqual(self.files.read("/workspace/c"), "file")
        with self.assertRaises(brig.ConflictError) as caught:
            self.files.write("/workspace/c", "again", exclusive=True)
        self.assertEqual(caught.exception.code, "exists")

    def test_folders(self):
        self.files.make_dir("/workspace/x/y")
        self.files.make_dir("/workspace/x/y")
        self.files.write("/workspace/x/f", "12345")
        self.sandbox.exec("ln -s f x/link", check=True)
        listing = self.files.list("/workspace/x")
        self.assertEqual(sorted((e.name, e.path, e.type, e.is_dir) for e in listing), [
            ("f", "/workspace/x/f", "file", False),
            ("link", "/workspace/x/link", "symlink", False),
            ("y", "/workspace/x/y", "dir", True),
        ])  # fmt: skip
        self.assertFalse(listing.is_truncated)
        entry = self.files.stat("/workspace/x/f")
        self.assertEqual((entry.size, entry.mode, entry.name), (5, 0o644, "f"))
        self.files.chmod("/workspace/x/f", 0o700)
        self.assertEqual(self.files.stat("/workspace/x/f").mode, 0o700)
        self.files.move("/workspace/x/f", "/workspace/g")
        self.assertEqual([self.files.exists("/workspace/" + name) for name in ("x/f", "g", "g/h", "x")], [False, True, False, True])
        with self.assertRaises(brig.ConflictError) as caught:
            self.files.remove("/workspace/x")
        self.assertEqual(caught.exception.code, "not_empty")
        self.files.remove("/workspace/x", recursive=True)
        self.files.remove("/workspace/g")
        self.assertEqual(list(self.files.list("/workspace")), [])

    def test_refusals(self):
        for kind, code, act in (
            (brig.NotFoundError, "no_such_file", lambda: self.files.read("/workspace/none")),
            (brig.NotFoundError, "no_such_file", lambda: list(self.files.read("/workspace/none", "stream"))),
            (brig.NotFoundError, "no_such_file", lambda: self.files.download("/workspace/none", os.path.join(self.folder, "n"))),
            (brig.PermissionDeniedError, "read_only", lambda: self.files.write("/usr/x", "")),
            (brig.ConflictError, "conflict", lambda: self.files.read("/workspace")),
            (brig.InvalidArgumentError, "invalid_argument", lambda: self.files.read("relative")),
            (brig.DiskFullError, "no_space", lambda: self.make(limits={"disk": "1M"}).filesystem.write("/workspace/f", Counting(4 * MIB))),
        ):
            with self.subTest(code=code), self.assertRaises(kind) as caught:
                act()
            self.assertEqual(caught.exception.code, code)
        self.assertEqual(os.listdir(self.folder), [])
        self.sandbox.kill()
        with self.assertRaises(brig.NotFoundError):
            self.files.exists("/workspace")

    def test_64_mib_up_and_down_in_constant_memory(self):
        size = 64 * MIB
        source = Counting(size)
        local = os.path.join(self.folder, "down")
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        self.assertEqual(self.files.write("/workspace/big", source), size)
        self.assertEqual(self.files.download("/workspace/big", local), size)
        self.assertLess(tracemalloc.get_traced_memory()[1], 16 * MIB)
        with open(local, "rb") as file:
            self.assertEqual(hashlib.sha256(file.read()).digest(), source.hash.digest())
        self.files.remove("/workspace/big")
        self.assertEqual(self.files.upload(local, "/workspace/again"), size)
        said = self.sandbox.exec("sha256sum < again", check=True).stdout.split()[0]
        self.assertEqual(said, source.hash.hexdigest())


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_many_at_once(self):
        async def one(client, number):
            async with AsyncSandbox.create(client=client, metadata={"many": "1"}) as sandbox:
                await sandbox.filesystem.write("/workspace/n", str(number))
                return (await sandbox.exec("cat n")).stdout

        async with brig.AsyncClient() as client:
            self.assertEqual(await asyncio.gather(*(one(client, n) for n in range(20))), [str(n) for n in range(20)])
            self.assertEqual([info async for info in AsyncSandbox.list(metadata={"many": "1"}, client=client)], [])

    async def test_life(self):
        sandbox = await AsyncSandbox.create(ttl_seconds=300, metadata={"life": "1"})
        async with sandbox:
            self.assertEqual([info.id async for info in AsyncSandbox.list(metadata={"life": "1"}, page_size=1)], [sandbox.id])
            await sandbox.pause()
            with self.assertRaises(brig.ConflictError):
                await sandbox.exec("true")
            await sandbox.resume()
            self.assertEqual((await sandbox.set_ttl(50)).ttl_seconds, 50)
            self.assertEqual((await sandbox.set_idle(40)).idle_seconds, 40)
            self.assertEqual((await sandbox.lifetime()).status, "running")
            self.assertEqual((await sandbox.attestation())["runtime"], "process")
            self.assertGreaterEqual((await sandbox.metrics()).uptime_ms, 0)
            async with AsyncSandbox.connect(sandbox.id) as other:
                self.assertEqual((await other.info()).status, "running")
            self.assertTrue(await sandbox.kill())
            self.assertTrue((await sandbox.info()).is_ended)
        with self.assertRaises(brig.NotFoundError):
            await AsyncSandbox.connect(sandbox.id)

    async def test_commands(self):
        async with AsyncSandbox.create() as sandbox:
            out, err = [], []

            async def later(text):
                await asyncio.sleep(0)
                out.append(text)

            result = await sandbox.exec("echo é; echo e >&2", on_stdout=later, on_stderr=err.append)
            self.assertEqual((out, err, result.stdout), (["é\n"], ["e\n"], "é\n"))
            with self.assertRaises(brig.CommandError):
                await sandbox.exec("false", check=True)
            self.assertEqual((await sandbox.exec("wc -c", stdin=b"\xff" * MIB, on_stdout=out.append)).stdout.strip(), str(MIB))
            process = await sandbox.exec("cat", background=True, stdin=True)
            await process.send_stdin("hello")
            await process.close_stdin()
            self.assertEqual(b"".join([piece.data async for piece in process.stream()]), b"hello")
            self.assertEqual((await process.wait()).status, "ok")
            self.assertEqual(await process.output(), b"hello")
            other = await sandbox.exec("sleep 600", background=True)
            self.assertIn(other.id, [info.id for info in await sandbox.processes.list()])
            await (await sandbox.processes.get(other.id)).signal("INT")
            self.assertEqual((await other.wait(PATIENCE)).signal, 2)
            await other.kill()
            self.assertFalse((await other.info()).running)

    async def test_a_connection_that_is_cut(self):
        proxy = CuttingProxy(daemon().url)
        self.addCleanup(proxy.close)
        proxy.cut_after = CUT
        async with AsyncSandbox.create(api_url=proxy.url) as sandbox:
            out = []
            await sandbox.exec(["python3", "-c", COUNT], on_stdout=out.append)
            self.assertEqual("".join(out), COUNTED)
            self.assertGreater(proxy.cuts, 1)

    async def test_files(self):
        async def pieces():
            yield b"a"
            yield b"sync"

        async with AsyncSandbox.create() as sandbox:
            files = sandbox.filesystem
            for data in ("async", b"async", io.BytesIO(b"async"), [b"as", b"ync"], pieces()):
                self.assertEqual(await files.write("/workspace/d/f", data), 5)
                self.assertEqual(await files.read("/workspace/d/f"), "async")
            self.assertEqual(await files.read("/workspace/d/f", "bytes"), b"async")
            self.assertEqual([piece async for piece in await files.read("/workspace/d/f", "stream")], [b"async"])
            await files.make_dir("/workspace/e")
            await files.move("/workspace/d/f", "/workspace/e/f")
            await files.chmod("/workspace/e/f", 0o600)
            self.assertEqual((await files.stat("/workspace/e/f")).mode, 0o600)
            self.assertEqual([entry.name for entry in await files.list("/workspace/e")], ["f"])
            self.assertFalse(await files.exists("/workspace/d/f"))
            await files.remove("/workspace/e", recursive=True)
            with tempfile.TemporaryDirectory() as folder:
                source = Counting(8 * MIB)
                await files.write("/workspace/big", source)
                local = os.path.join(folder, "big")
                self.assertEqual(await files.download("/workspace/big", local), 8 * MIB)
                with open(local, "rb") as file:
                    self.assertEqual(hashlib.sha256(file.read()).digest(), source.hash.digest())
                self.assertEqual(await files.upload(local, "/workspace/back"), 8 * MIB)


if __name__ == "__main__":
    unittest.main()
