"""Commands, terminals, folders and watches, with E2B's published Python clients as they are: that which waits, and that which does not."""
import asyncio
import time
import unittest

from e2b import (AsyncSandbox, AuthenticationException, CommandExitException, FileNotFoundException, FilesystemEventType, FileType,
                 NotFoundException, PtySize, Sandbox, SandboxException, TimeoutException)


def wait_until(holds, patience=20):
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.01)
    return False


class Sync(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Sandbox.create(timeout=300, envs={"FROM": "sandbox"})

    @classmethod
    def tearDownClass(cls):
        cls.box.kill()

    def test_commands(self):
        heard = []
        result = self.box.commands.run("echo $FROM; echo err >&2; pwd", on_stdout=heard.append)
        self.assertEqual((result.stdout, result.stderr, result.exit_code), ("sandbox\n/home/user\n", "err\n", 0))
        self.assertEqual("".join(heard), result.stdout)
        with self.assertRaises(CommandExitException) as failed:
            self.box.commands.run("exit 3")
        self.assertEqual(failed.exception.exit_code, 3)
        with self.assertRaises(TimeoutException):
            self.box.commands.run("sleep 60", timeout=0.5)
        with self.assertRaises(AuthenticationException):
            self.box.commands.run("true", user="root")

    def test_a_command_in_the_background(self):
        handle = self.box.commands.run("read line; echo got $line", background=True, stdin=True)
        self.assertIn(handle.pid, [process.pid for process in self.box.commands.list()])
        self.box.commands.send_stdin(handle.pid, "é\n")
        self.assertEqual(handle.wait().stdout, "got é\n")
        self.assertFalse(self.box.commands.kill(handle.pid))
        with self.assertRaises(NotFoundException):
            self.box.commands.connect(999999)

    def test_files(self):
        self.box.files.write("python/file.txt", "text")
        self.assertEqual(self.box.files.read("python/file.txt"), "text")
        info = self.box.files.get_info("python/file.txt")
        self.assertEqual((info.type, info.size, info.permissions, info.owner, info.path), (FileType.FILE, 4, "-rw-r--r--", "user", "/home/user/python/file.txt"))
        self.assertEqual([entry.name for entry in self.box.files.list("python")], ["file.txt"])
        self.assertTrue(self.box.files.make_dir("python/sub"))
        self.assertFalse(self.box.files.make_dir("python/sub"))
        self.assertEqual(self.box.files.rename("python/file.txt", "python/sub/moved").name, "moved")
        self.box.files.remove("python")
        self.assertFalse(self.box.files.exists("python"))
        with self.assertRaises(FileNotFoundException):
            self.box.files.list("python")

    def test_watchers_that_are_polled(self):
        self.box.files.make_dir("watched")
        handle = self.box.files.watch_dir("watched", recursive=True, include_entry=True)
        self.box.files.write("watched/sub/file", "12345")
        seen = []

        def has_come():
            seen.extend(handle.get_new_events())
            return any(event.name == "sub/file" and event.type == FilesystemEventType.CREATE and event.entry and event.entry.size == 5 for event in seen)
        self.assertTrue(wait_until(has_come), seen)
        handle.stop()
        with self.assertRaises(SandboxException):
            handle.get_new_events()
        with self.assertRaises(FileNotFoundException):
            self.box.files.watch_dir("not-there")

    def test_terminals(self):
        handle = self.box.pty.create(PtySize(rows=24, cols=80))
        self.box.pty.resize(handle.pid, PtySize(rows=30, cols=101))
        self.box.pty.send_stdin(handle.pid, b"tput cols; exit\n")
        shown = b""
        for out, err, typed in handle:
            shown += typed or b""
        self.assertIn(b"\r101\r\n", shown)


class Async(unittest.IsolatedAsyncioTestCase):
    async def test_commands_and_watches_that_stream(self):
        box = await AsyncSandbox.create()
        try:
            result = await box.commands.run("echo async")
            self.assertEqual(result.stdout, "async\n")
            await box.files.make_dir("watched")
            come = asyncio.Event()

            async def on_event(event):
                if event.type == FilesystemEventType.WRITE and event.name == "file":
                    come.set()
            await box.files.write("watched/file", "1")
            handle = await box.files.watch_dir("watched", on_event=on_event)
            await box.files.write("watched/file", "2")
            await asyncio.wait_for(come.wait(), 20)
            await handle.stop()
        finally:
            await box.kill()

    async def test_a_sandbox_that_is_killed_ends_its_streams(self):
        box = await AsyncSandbox.create()
        handle = await box.commands.run("sleep 60", background=True)
        await box.kill()
        with self.assertRaises(TimeoutException):
            await handle.wait()


if __name__ == "__main__":
    unittest.main()
