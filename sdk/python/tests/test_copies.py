"""Snapshots, forks, folders as tar, and servers inside, against a real daemon."""

import io
import os
import stat
import tarfile
import tempfile
import unittest
import urllib.request

import httpx

import brig
from brig import AsyncSandbox, AsyncSnapshot, Sandbox, Snapshot

from daemon import PATIENCE, WHY_NOT
from live import LiveCase, setUpModule, tearDownModule  # noqa: F401  (unittest calls the last two)

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (self.path + " " + str(self.headers.get("Authorization"))).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


class Copies(LiveCase):
    def test_a_snapshot_outlives_its_sandbox(self):
        self.sandbox.filesystem.write("/workspace/f", "kept")
        snapshot = self.sandbox.snapshot()
        self.assertEqual((snapshot.info.sandbox_id, snapshot.info.memory, snapshot.info.template), (self.sandbox.id, False, "host"))
        self.assertGreater(snapshot.info.size_bytes, 0)
        self.sandbox.filesystem.write("/workspace/f", "changed")
        self.sandbox.kill()
        self.assertEqual([info.id for info in Snapshot.list(sandbox_id=self.sandbox.id)], [snapshot.id])
        self.assertEqual(Snapshot.get(snapshot.id), snapshot.info)
        with Sandbox.create(from_snapshot=snapshot.id) as again:
            self.assertEqual(again.filesystem.read("/workspace/f"), "kept")
            self.assertEqual(again.info().from_snapshot, snapshot.id)
        self.assertTrue(snapshot.delete())
        self.assertFalse(Snapshot.remove(snapshot.id))
        with self.assertRaises(brig.NotFoundError):
            Sandbox.create(from_snapshot=snapshot.id)
        with self.assertRaises(brig.NotFoundError):
            Snapshot.get(snapshot.id)

    def test_a_fork_has_files_of_its_own_and_a_life_of_its_own(self):
        with Sandbox.create(ttl_seconds=300, envs={"WHO": "both"}) as parent:
            parent.filesystem.write("/workspace/f", "before")
            fork = parent.fork(metadata={"try": "1"})
            self.addCleanup(fork.close)
            self.addCleanup(fork.kill)
            fork.filesystem.write("/workspace/f", "after")
            self.assertEqual(parent.filesystem.read("/workspace/f"), "before")
        # Its connections are its own as well.
        self.assertEqual(fork.exec("cat f; echo -n $WHO").stdout, "afterboth")
        info = fork.info()
        self.assertEqual((info.parent_id, info.metadata, info.is_ended), (parent.id, {"try": "1"}, False))

    def test_one_of_a_tree_is_chosen(self):
        self.sandbox.filesystem.write("/workspace/f", "same")
        with self.sandbox.fork_tree(2) as nobody:
            self.assertEqual([child.info().status for child in nobody.children], ["running"] * 2)
        ended = {info.id for info in Sandbox.list(states=["killed"])}
        self.assertLessEqual({child.id for child in nobody.children}, ended)
        with self.sandbox.fork_tree(3) as tree:
            self.choose(tree)
        self.assertFalse(tree.children[0].info().is_ended)  # it was promoted
        tree.children[0].kill()
        tree.children[0].close()

    def choose(self, tree):
        self.assertEqual([child.exec("cat f").stdout for child in tree.children], ["same"] * 3)
        self.assertEqual(tree.errors, ())
        winner, *others = tree.children
        with self.assertRaises(brig.ConflictError):
            self.sandbox.promote(tree_id=tree.id)
        self.assertEqual(winner.promote(cleanup_siblings=False).deleted, ())
        promotion = tree.promote(winner)
        self.assertEqual((promotion.winner, promotion.tree_id, set(promotion.deleted)), (winner.id, tree.id, {other.id for other in others}))
        self.assertEqual([child.info().is_ended for child in tree.children], [False, True, True])
        self.assertEqual(promotion.failures, {})

    def test_a_hibernation_ends_with_the_next_use(self):
        self.sandbox.hibernate()
        self.assertEqual(self.sandbox.info().status, "hibernated")
        self.assertFalse(self.sandbox.info().is_ended)
        with Sandbox.connect(self.sandbox.id) as found:
            self.assertEqual(found.exec("echo awake").stdout, "awake\n")
        self.assertEqual(self.sandbox.info().status, "running")
        self.sandbox.hibernate()
        self.sandbox.wake()
        self.sandbox.wake()
        self.assertEqual(self.sandbox.info().status, "running")


class Folders(LiveCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def place(self, *names):
        return os.path.join(self.folder, *names)

    def test_a_folder_goes_in_and_comes_out(self):
        long = "n" * 120
        os.makedirs(self.place("top", "sub", "empty"))
        with open(self.place("top", "run.sh"), "w") as file:
            file.write("#!/bin/sh\necho ran\n")
        os.chmod(self.place("top", "run.sh"), 0o755)
        with open(self.place("top", "sub", long + "ü"), "wb") as file:
            file.write(bytes(range(256)) * 5000)
        os.symlink("run.sh", self.place("top", "link"))
        os.link(self.place("top", "run.sh"), self.place("top", "zweitname"))
        os.mkfifo(self.place("top", "fifo"))
        self.sandbox.filesystem.upload_dir(self.place("top"), "/workspace/in")
        self.assertEqual(self.sandbox.exec("in/run.sh; in/zweitname; readlink in/link; ls in/sub").stdout, f"ran\nran\nrun.sh\nempty\n{long}ü\n")
        self.assertFalse(self.sandbox.filesystem.exists("/workspace/in/fifo"))
        size = self.sandbox.filesystem.download_tar("/workspace/in", self.place("out.tar.gz"), gzip=True)
        self.assertEqual(os.path.getsize(self.place("out.tar.gz")), size)
        with tarfile.open(self.place("out.tar.gz"), "r:gz") as archive:
            found = {os.path.normpath(entry.name): entry for entry in archive}
            self.assertEqual(archive.extractfile(found["sub/" + long + "ü"]).read(), bytes(range(256)) * 5000)
        self.assertEqual((stat.S_IMODE(found["run.sh"].mode), found["link"].linkname, found["sub/empty"].isdir()), (0o755, "run.sh", True))

    def test_refusals(self):
        for name, code in (("../outside", "refused_entry"), ("/etc/absolute", "refused_entry")):
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                tar.addfile(tarfile.TarInfo(name))
            with self.subTest(name=name), self.assertRaises(brig.InvalidArgumentError) as caught:
                self.sandbox.filesystem.write_tar("/workspace/x", archive.getvalue())
            self.assertEqual(caught.exception.code, code)
        with self.assertRaises(brig.InvalidArgumentError) as caught:
            self.sandbox.filesystem.write_tar("/workspace/x", b"no archive " * 1000)
        self.assertEqual(caught.exception.code, "bad_archive")
        with self.assertRaises(brig.InvalidArgumentError):
            self.sandbox.filesystem.upload_dir(self.place("none"), "/workspace/x")
        with self.assertRaises(brig.NotFoundError):
            self.sandbox.filesystem.download_tar("/workspace/none", self.place("out.tar"))
        self.assertEqual(os.listdir(self.folder), [])


class Ports(LiveCase):
    def test_a_server_inside(self):
        with self.assertRaises(brig.DeadlineError):
            self.sandbox.ports.wait(8000, timeout_seconds=0.05)
        self.sandbox.filesystem.write("/workspace/server.py", SERVER)
        self.sandbox.exec("exec python3 server.py 8000", background=True)
        ports = self.sandbox.ports
        ports.wait(8000, timeout_seconds=PATIENCE)
        (found,) = [one for one in ports.list() if one.port == 8000]
        self.assertIn("8000-" + self.sandbox.id, found.url)
        url = ports.url(8000, "/a?b=c")
        self.assertTrue(url.startswith(found.path_url))
        self.assertEqual(httpx.get(url, headers=ports.headers).text, "/a?b=c None")  # it sees no key
        self.assertEqual(httpx.get(url).status_code, 401)
        preview = ports.preview(8000, expires_in_seconds=60)
        with urllib.request.urlopen(preview.path_url, timeout=PATIENCE) as answer:
            self.assertEqual(answer.read(), b"/ None")
        self.assertAlmostEqual((preview.expires_at - self.sandbox.info().created_at).total_seconds(), 60, delta=60)
        with self.assertRaises(brig.InvalidArgumentError):
            ports.preview(8000, expires_in_seconds=30 * 86400)


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_copies(self):
        async with AsyncSandbox.create() as sandbox:
            await sandbox.filesystem.write("/workspace/f", "kept")
            snapshot = await sandbox.snapshot()
            self.assertEqual([info.id for info in await AsyncSnapshot.list(sandbox_id=sandbox.id)], [snapshot.id])
            self.assertEqual(await AsyncSnapshot.get(snapshot.id), snapshot.info)
            async with AsyncSandbox.create(from_snapshot=snapshot.id) as again:
                self.assertEqual(await again.filesystem.read("/workspace/f"), "kept")
            self.assertTrue(await snapshot.delete())
            self.assertFalse(await AsyncSnapshot.remove(snapshot.id))
            async with await sandbox.fork(metadata={"n": "1"}) as fork:
                self.assertEqual((await fork.info()).parent_id, sandbox.id)
            async with await sandbox.fork_tree(2) as tree:
                self.assertEqual((await tree.promote(tree.children[1])).deleted, (tree.children[0].id,))
            async with tree.children[1] as winner:
                self.assertEqual((await winner.info()).status, "running")
            await sandbox.hibernate()
            self.assertEqual((await sandbox.info()).status, "hibernated")
            await sandbox.wake()

    async def test_folders_and_ports(self):
        async with AsyncSandbox.create() as sandbox:
            with tempfile.TemporaryDirectory() as folder:
                with open(os.path.join(folder, "server.py"), "w") as file:
                    file.write(SERVER)
                await sandbox.filesystem.upload_dir(folder, "/workspace/d")
                local = os.path.join(folder, "out.tar")
                await sandbox.filesystem.download_tar("/workspace/d", local)
                with tarfile.open(local) as archive:
                    self.assertIn("server.py", [os.path.normpath(name) for name in archive.getnames()])
                with open(local, "rb") as file:
                    await sandbox.filesystem.write_tar("/workspace/e", file)
            await sandbox.exec("exec python3 e/server.py 8000", background=True)
            await sandbox.ports.wait(8000, PATIENCE)
            self.assertEqual([one.port for one in await sandbox.ports.list()], [8000])
            async with httpx.AsyncClient() as client:
                self.assertEqual((await client.get(sandbox.ports.url(8000), headers=sandbox.ports.headers)).text, "/ None")
                self.assertEqual((await client.get((await sandbox.ports.preview(8000)).path_url)).text, "/ None")


if __name__ == "__main__":
    unittest.main()
