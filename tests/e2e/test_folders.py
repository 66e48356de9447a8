"""Whole folders: in and out as tar, hostile archives, and being told of changes."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon  # noqa: E402

FILE, LINK, HARD = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
DEVICE, BLOCK, PIPE, FOLDER = tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE


def archive(*entries):
    """Of (name, type, target, contents)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, target, contents in entries:
            info = tarfile.TarInfo(name)
            info.type, info.linkname, info.size, info.mode = kind, target, len(contents), 0o755
            tar.addfile(info, io.BytesIO(contents))
    return out.getvalue()


class Folders(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--pool", "1")
        cls.box = cls.daemon.create(limits={"disk": "64M"})

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def put(self, path, body, box=None, **more):
        return self.daemon.request("PUT", f"/v1/sandboxes/{box or self.box}/fs/tar?path={path}", body, **more)

    def get(self, path, more=""):
        return self.daemon.request("GET", f"/v1/sandboxes/{self.box}/fs/tar?path={path}{more}")

    def run_inside(self, cmd):
        return self.daemon.exec(self.box, cmd)["stdout"]

    def test_in_and_out(self):
        body = archive(("d", FOLDER, "", b""), ("d/f", FILE, "", b"hello"), ("d/l", LINK, "f", b""),
                       ("d/h", HARD, "d/f", b""), ("p", PIPE, "", b""), ("a name\n", FILE, "", b"x"),
                       ("a -> /etc/passwd", FILE, "", b"no link"))
        for name, data in (("plain", body), ("gz", gzip.compress(body))):
            answer = self.put("/workspace/deep/" + name, data)
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(self.run_inside(f"cd /workspace/deep/{name} && cat d/l d/h && readlink d/l && stat -c %a d/f"),
                             "hellohellof\n755\n")
        for more in ("", "&gzip=1"):
            answer = self.get("/workspace/deep/plain", more)
            self.assertEqual(answer.status, 200)
            with tarfile.open(fileobj=io.BytesIO(answer.body), mode="r:gz" if more else "r:") as tar:
                self.assertEqual(tar.extractfile("./d/f").read(), b"hello")
                self.assertIn("./a name\n", tar.getnames())
        with tarfile.open(fileobj=io.BytesIO(self.get("/workspace/deep/plain/d/f").body)) as tar:
            self.assertEqual(tar.getnames(), ["f"])

    def test_entries_that_lead_out_are_refused(self):
        self.run_inside("rm -rf /tmp/zz /workspace/zz")
        cases = {
            "absolute": archive(("/tmp/zz", FILE, "", b"x")),
            "up": archive(("ok", FILE, "", b"x"), ("../zz", FILE, "", b"x")),
            "up in the middle": archive(("a/../../zz", FILE, "", b"x")),
            "link": archive(("l", LINK, "/tmp", b"")),
            "link up": archive(("d/l", LINK, "../../..", b"")),
            "through a link": archive(("l", LINK, "/tmp", b""), ("l/zz", FILE, "", b"x")),
            "through a link up": archive(("l", LINK, "..", b""), ("l/zz", FILE, "", b"x")),
            "ambiguous link": archive(("a", LINK, "/tmp -> x", b"")),
            "hard link": archive(("h", HARD, "/etc/passwd", b"")),
            "hard link up": archive(("h", HARD, "../../etc/passwd", b"")),
            "device": archive(("c", DEVICE, "", b"")),
            "disk": archive(("b", BLOCK, "", b"")),
        }
        for name, body in cases.items():
            for data in (body, gzip.compress(body)):
                answer = self.put("/workspace/refused", data)
                self.assertEqual((answer.status, answer.json()["code"]), (422, "refused_entry"), name)
        self.assertEqual(self.run_inside("ls -d /tmp/zz /workspace/zz 2>/dev/null"), "")

    def test_what_is_no_archive(self):
        for body in (b"", b"\xff" * 3000, b"hello", b"\x1f\x8b", b"\x1f\x8b" + b"\xff" * 5000,
                     archive(("f", FILE, "", b"x" * 100_000))[:50_000],
                     gzip.compress(archive(("f", FILE, "", os.urandom(100_000))))[:50_000]):
            answer = self.put("/workspace/junk", body)
            self.assertEqual((answer.status, answer.json()["code"]), (422, "bad_archive"), body[:20])

    def test_bombs_meet_the_disk_limit(self):
        box = self.daemon.create(limits={"disk": "32M"})
        big = archive(*[(f"f{i}", FILE, "", bytes(1 << 20)) for i in range(100)])
        for body in (big, gzip.compress(big)):
            answer = self.put("/workspace/bomb", body, box)
            self.assertEqual((answer.status, answer.json()["code"]), (507, "no_space"))
            self.daemon.exec(box, "rm -rf /workspace/bomb")
        # A file of which only the size is big: 1 TiB in some KiB of archive.
        huge = os.path.join(self.daemon.folder, "huge")
        with open(huge, "wb") as file:
            file.truncate(1 << 40)
        sparse = subprocess.run(["tar", "-cS", "-C", self.daemon.folder, "huge"], capture_output=True, check=True).stdout
        self.assertLess(len(sparse), 1 << 20)
        answer = self.put("/workspace/sparse", sparse, box)
        self.assertIn(answer.status, (422, 507), answer.body)
        self.assertEqual(self.daemon.exec(box, "echo alive")["stdout"], "alive\n")
        self.daemon.request("DELETE", "/v1/sandboxes/" + box)

    def test_big_ones_in_constant_memory(self):
        box = self.daemon.create(limits={"disk": "600M", "memory": "1G"})
        size = 300 << 20
        self.daemon.exec(box, f"head -c {size} /dev/zero > /workspace/zeros")
        connection = self.daemon.connect()
        connection.request("GET", f"/v1/sandboxes/{box}/fs/tar?path=/workspace/zeros",
                           headers={"X-API-Key": self.daemon.key})
        response = connection.getresponse()
        total = 0
        while piece := response.read(1 << 20):
            total += len(piece)
        connection.close()
        self.assertGreater(total, size)
        self.daemon.request("DELETE", "/v1/sandboxes/" + box)

    def test_mistakes(self):
        self.assertEqual(self.get("/workspace/nowhere").status, 404)
        self.assertEqual(self.get("relative").status, 400)
        self.assertEqual(self.put("", b"").status, 400)
        self.assertEqual(self.put("/usr/x", archive(("f", FILE, "", b"x"))).status, 403)
        other = self.daemon.new_key(label="other")["key"]
        self.assertEqual(self.put("/workspace", b"", key=other).status, 404)

    def test_changes_are_told(self):
        self.run_inside("mkdir -p /workspace/watched/below")
        connection = self.daemon.connect()
        connection.request("GET", f"/v1/sandboxes/{self.box}/fs/watch?path=/workspace/watched&recursive=1",
                           headers={"X-API-Key": self.daemon.key})
        response = connection.getresponse()
        self.assertEqual(response.headers["Content-Type"], "text/event-stream")
        self.assertEqual(response.readline(), b": watching\n")
        self.run_inside("cd /workspace/watched && echo x > below/f && mv below/f below/g && rm below/g && rm -r below && "
                        "cd .. && rmdir watched")
        seen = []
        while line := response.readline():
            if line.startswith(b"data: "):
                seen.append(json.loads(line[6:]))
            if line == b"event: end\n":
                break
        connection.close()
        self.assertIn({"type": "created", "path": "below/f", "is_dir": False}, seen)
        self.assertIn({"type": "moved", "path": "below/g", "is_dir": False, "from": "below/f"}, seen)
        self.assertIn({"type": "removed", "path": "below/g", "is_dir": False}, seen)

    def test_watching_nothing(self):
        answer = self.daemon.request("GET", f"/v1/sandboxes/{self.box}/fs/watch?path=/workspace/nowhere")
        self.assertEqual(answer.status, 404)


if __name__ == "__main__":
    unittest.main()
