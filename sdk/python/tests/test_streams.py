"""What comes over time: terminals, changes of files, events and logs, against a real daemon and over connections that break."""

import asyncio
import threading
import unittest

import brig
from brig import AsyncSandbox, Sandbox

from daemon import PATIENCE, WHY_NOT, CuttingProxy
from live import LiveCase, daemon, setUpModule, tearDownModule  # noqa: F401  (unittest calls the last two)


def read_until(terminal, wanted, offset=0):
    """What it shows from there on, up to and with the piece in which that is."""
    seen = b""
    for data in terminal.read(offset):
        seen += data
        if wanted in seen:
            return seen
    raise AssertionError(f"it ended without showing {wanted!r}: {seen!r}")


class Terminals(LiveCase):
    def test_a_shell(self):
        terminal = self.sandbox.terminal(["bash", "--norc"], rows=30, columns=90, env={"PS1": "ready> "})
        self.assertEqual(terminal.info().terminal, True)
        seen = read_until(terminal, b"ready> ")
        terminal.write("stty size; echo $TERM\r")
        self.assertIn(b"30 90\r\nxterm-256color\r\n", read_until(terminal, b"256color\r\n", len(seen)))
        terminal.resize(50, 120)
        # Its own words tell that it is in front: what comes before is not its.
        terminal.write("stty size; sh -c 'echo sl$((1))ep; exec sleep 600'\r")
        self.assertIn(b"50 120", read_until(terminal, b"sl1ep"))
        terminal.write("\x03")
        terminal.write("exit 7\r")
        result = terminal.wait(PATIENCE)
        self.assertEqual((result.status, result.exit_code), ("error", 7))
        for act in (lambda: terminal.write("x"), lambda: terminal.resize(1, 1)):
            with self.assertRaises(brig.ConflictError):
                act()

    def test_leave_and_come_back(self):
        terminal = self.sandbox.terminal("exec sh", env={"PS1": "$ "})
        seen = read_until(terminal, b"$ ")
        with Sandbox.connect(self.sandbox.id) as other:
            found = other.processes.get(terminal.id)
            self.assertIsInstance(found, brig.Terminal)
            found.write("echo $((6 * 7))\r")
            self.assertIn(b"42\r\n", read_until(found, b"42\r\n", len(seen)))
            self.assertTrue(read_until(found, b"42\r\n").startswith(seen))  # all that it has shown
            self.assertNotIsInstance(other.processes.get(other.exec("true", background=True).id), brig.Terminal)
        terminal.kill()

    def test_over_a_connection_that_breaks(self):
        proxy = CuttingProxy(daemon().url)
        self.addCleanup(proxy.close)
        proxy.cut_after = 100_000
        with Sandbox.connect(self.sandbox.id, api_url=proxy.url) as sandbox:
            terminal = sandbox.terminal("stty -opost; seq 100000; exit 3")
            self.assertEqual(b"".join(terminal.read()), b"".join(b"%d\n" % n for n in range(1, 100001)))
            self.assertEqual(terminal.wait().exit_code, 3)
        self.assertGreater(proxy.cuts, 1)


class Changes(LiveCase):
    def setUp(self):
        super().setUp()
        self.sandbox.filesystem.make_dir("/workspace/d")

    def test_what_happens_in_a_folder(self):
        with self.sandbox.filesystem.watch("/workspace/d", recursive=True) as changes:
            self.sandbox.exec("mkdir d/sub", check=True)
            seen = [next(changes)]  # a new folder that is filled at once may be filled before it is watched
            self.sandbox.exec("echo x > d/sub/f; mv d/sub/f d/g; rm d/g", check=True)
            for change in changes:
                seen.append(change)
                if change.type == "removed":
                    break
        self.assertEqual((seen[0].type, seen[0].path, seen[0].is_dir), ("created", "/workspace/d/sub", True))
        moved = [change for change in seen if change.type == "moved"]
        self.assertEqual([(change.source, change.path, change.is_dir) for change in moved], [("/workspace/d/sub/f", "/workspace/d/g", False)])
        self.assertEqual(seen[-1].path, "/workspace/d/g")

    def test_it_ends_with_the_place(self):
        with self.sandbox.filesystem.watch("/workspace/d") as changes:
            self.sandbox.filesystem.remove("/workspace/d")
            list(changes)
        with self.assertRaises(brig.NotFoundError):
            self.sandbox.filesystem.watch("/workspace/none")

    def test_what_was_missed_is_said(self):
        proxy = CuttingProxy(daemon().url)
        self.addCleanup(proxy.close)
        with Sandbox.connect(self.sandbox.id, api_url=proxy.url) as sandbox:
            with sandbox.filesystem.watch("/workspace/d") as changes:
                self.sandbox.filesystem.write("/workspace/d/first", "")
                self.assertEqual(next(changes).path, "/workspace/d/first")
                proxy.cut_all()
                seen = next(change for change in changes if change.path != "/workspace/d/first")
                self.assertEqual((seen.type, seen.path), ("overflow", "/workspace/d"))
                self.sandbox.filesystem.write("/workspace/d/second", "")
                self.assertEqual(next(changes).path, "/workspace/d/second")


class Events(LiveCase):
    def test_from_the_oldest_and_after_one(self):
        self.sandbox.exec("exit 3")
        self.sandbox.set_ttl(200)
        self.sandbox.kill()
        seen = []
        for event in Sandbox.events(sandbox_id=self.sandbox.id, from_oldest=True):
            seen.append(event)
            if event.type == "sandbox.ended":
                break
        self.assertEqual([event.type for event in seen], ["sandbox.created", "command.ended", "sandbox.lifetime", "sandbox.ended"])
        self.assertEqual({event.sandbox_id for event in seen}, {self.sandbox.id})
        self.assertEqual((seen[1].data["exit_code"], seen[3].data["reason"]), (3, "killed"))
        self.assertLessEqual(seen[0].at, seen[3].at)
        after = next(iter(Sandbox.events(sandbox_id=self.sandbox.id, after=seen[1].id)))
        self.assertEqual(after, seen[2])
        with self.assertRaises(brig.InvalidArgumentError):
            next(iter(Sandbox.events(after="nonsense")))

    def test_over_connections_that_break(self):
        proxy = CuttingProxy(daemon().url)
        self.addCleanup(proxy.close)
        client = brig.Client(proxy.url)
        self.addCleanup(client.close)
        events = Sandbox.events(sandbox_id=self.sandbox.id, from_oldest=True, client=client)
        self.assertEqual(next(events).type, "sandbox.created")
        for code in range(3):
            proxy.cut_all()
            self.sandbox.exec(f"exit {code}")
            event = next(events)
            self.assertEqual((event.type, event.data["exit_code"]), ("command.ended", code))
        events.close()

    def test_what_nobody_can_know_is_said(self):
        proxy = CuttingProxy(daemon().url)
        self.addCleanup(proxy.close)
        client = brig.Client(proxy.url)
        self.addCleanup(client.close)
        seen, done = [], threading.Event()

        def follow():
            for event in Sandbox.events(sandbox_id=self.sandbox.id, client=client):
                seen.append(event.type)
                if event.type == "command.ended":
                    return done.set()

        thread = threading.Thread(target=follow, daemon=True)
        thread.start()
        self.eventually(lambda: proxy.answered)
        proxy.cut_all()
        self.eventually(lambda: seen == ["events.lost"])
        self.sandbox.exec("true")
        self.assertTrue(done.wait(PATIENCE))
        self.assertEqual(seen, ["events.lost", "command.ended"])


class Logs(LiveCase):
    def test_all_that_was_printed(self):
        self.sandbox.exec("echo one; echo two >&2")
        self.sandbox.exec("echo three")
        self.assertEqual(self.sandbox.logs(), "one\ntwo\nthree\n")
        self.assertEqual(self.sandbox.logs("stderr"), "two\n")
        self.assertEqual(self.sandbox.logs("stdout"), "one\nthree\n")

    def test_as_it_comes_over_connections_that_break(self):
        proxy = CuttingProxy(daemon().url)
        self.addCleanup(proxy.close)
        with Sandbox.connect(self.sandbox.id, api_url=proxy.url) as sandbox:
            lines = sandbox.follow_logs("stdout")
            for number in range(4):
                process = self.sandbox.exec(f"echo {number}; echo not this >&2", background=True)
                line = next(lines)
                self.assertEqual((line.text, line.stream, line.process_id), (f"{number}\n", "stdout", process.id))
                proxy.cut_all()
            lines.close()

    def test_until_the_end_of_the_sandbox(self):
        lines = self.sandbox.follow_logs()
        self.sandbox.exec("echo last")
        self.assertEqual(next(lines).text, "last\n")
        self.sandbox.kill()
        self.assertEqual(list(lines), [])


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_a_terminal(self):
        async with AsyncSandbox.create() as sandbox:
            terminal = await sandbox.terminal("exec sh", rows=10, columns=20, env={"PS1": "$ "})
            await terminal.resize(11, 21)
            await terminal.write("stty size; exit 4\r")
            self.assertIn(b"11 21\r\n", b"".join([data async for data in terminal.read()]))
            self.assertEqual((await terminal.wait(PATIENCE)).exit_code, 4)
            self.assertIsInstance(await sandbox.processes.get(terminal.id), brig.AsyncTerminal)

    async def test_changes_events_and_logs(self):
        async with AsyncSandbox.create() as sandbox:
            async with sandbox.filesystem.watch("/workspace") as changes:
                await sandbox.filesystem.write("/workspace/f", "")
                async for change in changes:
                    self.assertEqual(change.path, "/workspace/f")
                    break
            events = AsyncSandbox.events(sandbox_id=sandbox.id, from_oldest=True)
            self.assertEqual((await events.__anext__()).type, "sandbox.created")
            await events.aclose()
            lines = sandbox.follow_logs()
            await sandbox.exec("echo hi")
            self.assertEqual((await lines.__anext__()).text, "hi\n")
            await lines.aclose()
            self.assertEqual(await sandbox.logs(), "hi\n")


if __name__ == "__main__":
    unittest.main()
