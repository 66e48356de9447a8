"""The control plane and files, with E2B's published Python client as it is."""
import unittest
import urllib.error
import urllib.request
import uuid

from e2b import (AuthenticationException, FileNotFoundException, InvalidArgumentException, Sandbox, SandboxNotFoundException, SandboxQuery,
                 SandboxState)


def fetch(url):
    try:
        with urllib.request.urlopen(url) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


class Control(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.mark = uuid.uuid4().hex
        cls.box = Sandbox.create(metadata={"mark": cls.mark}, envs={"FOO": "bar"}, timeout=120)

    @classmethod
    def tearDownClass(cls):
        cls.box.kill()

    def test_info(self):
        info = self.box.get_info()
        self.assertEqual((info.sandbox_id, info.metadata, info.state), (self.box.sandbox_id, {"mark": self.mark}, SandboxState.RUNNING))
        self.assertTrue(self.box.is_running())
        with self.assertRaises(AuthenticationException):
            Sandbox.create(api_key="e2b_" + "0" * 40)

    def test_list(self):
        page = Sandbox.list(query=SandboxQuery(metadata={"mark": self.mark}))
        self.assertEqual([info.sandbox_id for info in page.next_items()], [self.box.sandbox_id])
        self.assertFalse(page.has_next)

    def test_timeouts(self):
        before = self.box.get_info().end_at
        Sandbox.connect(self.box.sandbox_id, timeout=5)
        self.assertEqual(self.box.get_info().end_at, before)
        self.box.set_timeout(600)
        self.assertGreater(self.box.get_info().end_at, before)

    def test_pause_and_connect(self):
        with Sandbox.create() as box:
            box.files.write("kept.txt", "kept")
            box.pause()
            self.assertFalse(box.is_running())
            self.assertEqual(Sandbox.connect(box.sandbox_id).files.read("kept.txt"), "kept")

    def test_kill(self):
        box = Sandbox.create()
        self.assertTrue(box.kill())
        self.assertFalse(box.kill())
        self.assertFalse(box.is_running())
        with self.assertRaises(SandboxNotFoundException):
            Sandbox.connect(box.sandbox_id)

    def test_metrics(self):
        metric = self.box.get_metrics()[-1]
        self.assertGreater(metric.mem_total, 0)

    def test_snapshot(self):
        self.box.files.write("state.txt", "1")
        snapshot = self.box.create_snapshot()
        with Sandbox.create(snapshot.snapshot_id) as box:
            self.assertEqual(box.files.read("state.txt"), "1")
        self.assertTrue(Sandbox.delete_snapshot(snapshot.snapshot_id))
        self.assertFalse(Sandbox.delete_snapshot(snapshot.snapshot_id))

    def test_files(self):
        info = self.box.files.write("folder/é.txt", "Grüße")
        self.assertEqual(info.path, "/home/user/folder/é.txt")
        self.assertEqual(self.box.files.read("folder/é.txt"), "Grüße")
        data = bytes(range(256)) * 5000
        self.box.files.write("bytes.bin", data)
        self.assertEqual(bytes(self.box.files.read("bytes.bin", format="bytes")), data)
        self.assertEqual(b"".join(self.box.files.read("bytes.bin", format="stream")), data)
        with self.assertRaises(FileNotFoundException):
            self.box.files.read("nothing")
        with self.assertRaises(InvalidArgumentException):
            self.box.files.read("/home/user")
        with self.assertRaises(AuthenticationException):
            self.box.files.read("bytes.bin", user="root")

    def test_signed_addresses(self):
        self.box.files.write("signed.txt", "signed")
        self.assertEqual(fetch(self.box.download_url("signed.txt", use_signature_expiration=60)), (200, b"signed"))
        self.assertEqual(fetch(self.box.download_url("signed.txt", use_signature_expiration=-60))[0], 401)


if __name__ == "__main__":
    unittest.main()
