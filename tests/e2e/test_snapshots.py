"""Snapshots, forks, promotion: files survive, programs do not, and nobody reaches another's."""

import os
import pathlib
import subprocess
import sys
import tarfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import BRIG, Daemon  # noqa: E402


class Snapshots(unittest.TestCase):
    def setUp(self):
        self.daemon = Daemon("--pool", "1")
        self.addCleanup(self.daemon.close)
        self.folder = pathlib.Path(self.daemon.state, "snapshots")

    def post(self, path, body=None, **more):
        return self.daemon.request("POST", "/v1/sandboxes" + path, body, **more)

    def take(self, box):
        answer = self.post(f"/{box}/snapshots")
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json()

    def files(self):
        return sorted(path.name for path in self.folder.iterdir())

    def test_files_survive(self):
        box = self.daemon.create(limits={"disk": "48M", "pids": 77}, env={"OWN": "yes"}, metadata={"a": "1"})
        self.daemon.exec(box, "cd /workspace && mkdir -p d && echo hello > d/f && chmod 751 d/f && ln -s /usr/bin/env d/l && "
                              "ln d/f d/h && mkfifo p && echo home > ~/.own && echo tmp > /tmp/t && chmod 700 d && "
                              "truncate -s 40M sparse && touch -d @1000000000 d/f && printf x > 'odd\nname'")
        self.daemon.exec(box, "sleep 1000", background=True)
        snapshot = self.take(box)
        self.assertEqual((snapshot["sandbox_id"], snapshot["memory"]), (box, False))
        self.assertEqual(self.files(), [snapshot["id"]])
        self.assertEqual((self.folder / snapshot["id"]).stat().st_size, snapshot["size_bytes"])
        self.assertLess(snapshot["size_bytes"], 1 << 20)
        self.daemon.request("DELETE", "/v1/sandboxes/" + box)

        # Also after the daemon was killed: what it said was taken is taken.
        self.daemon.kill()
        self.daemon.start()
        copy = self.daemon.create(from_snapshot=snapshot["id"])
        self.assertEqual(self.daemon.exec(
            copy, "cd /workspace && cat d/f ~/.own /tmp/t && readlink d/l && stat -c '%a %Y %h' d/f && stat -c %a d && "
                  "stat -c %s sparse && test -p p && cat odd* && echo $OWN")["stdout"],
            "hello\nhome\ntmp\n/usr/bin/env\n751 1000000000 2\n700\n41943040\nxyes\n")
        self.assertNotIn("sleep", self.daemon.exec(copy, "ps -e -o comm")["stdout"])
        info = self.daemon.request("GET", "/v1/sandboxes/" + copy).json()
        self.assertEqual(info["from_snapshot"], snapshot["id"])
        self.assertEqual((info["limits"]["pids"], info["limits"]["disk_bytes"]), (77, 48 << 20))
        # What is asked for goes before what was.
        other = self.daemon.create(from_snapshot=snapshot["id"], limits={"pids": 55})
        self.assertEqual(self.daemon.request("GET", "/v1/sandboxes/" + other).json()["limits"]["pids"], 55)

    def test_list_get_delete(self):
        box, other = self.daemon.create(), self.daemon.create()
        first, second = self.take(box), self.take(other)
        listed = self.daemon.request("GET", "/v1/snapshots").json()["snapshots"]
        self.assertEqual([one["id"] for one in listed], [second["id"], first["id"]])
        listed = self.daemon.request("GET", "/v1/snapshots?sandbox_id=" + box).json()["snapshots"]
        self.assertEqual(listed, [first])
        self.assertEqual(self.daemon.request("GET", "/v1/snapshots/" + first["id"]).json(), first)
        self.assertEqual(self.daemon.request("DELETE", "/v1/snapshots/" + first["id"]).status, 204)
        for method in ("GET", "DELETE"):
            self.assertEqual(self.daemon.request(method, "/v1/snapshots/" + first["id"]).status, 404)
        self.assertEqual(self.files(), [second["id"]])
        self.assertEqual(self.post("", {"from_snapshot": first["id"]}).status, 404)
        for name in ("..", "%2e%2e%2fbrig.db", "x" * 300):
            self.assertIn(self.daemon.request("DELETE", "/v1/snapshots/" + name).status, (400, 404))

    def test_another_key(self):
        box = self.daemon.create()
        snapshot = self.take(box)
        other = self.daemon.new_key(label="other")["key"]
        for method in ("GET", "DELETE"):
            self.assertEqual(self.daemon.request(method, "/v1/snapshots/" + snapshot["id"], key=other).status, 404)
        self.assertEqual(self.daemon.request("GET", "/v1/snapshots", key=other).json()["snapshots"], [])
        self.assertEqual(self.post("", {"from_snapshot": snapshot["id"]}, key=other).status, 404)
        for path in ("snapshots", "fork", "fork-tree", "promote"):
            self.assertEqual(self.post(f"/{box}/{path}", key=other).status, 404, path)
        self.assertEqual(self.files(), [snapshot["id"]])

    def test_a_fork(self):
        box = self.daemon.create(metadata={"a": "1", "b": "2"}, limits={"pids": 77})
        self.daemon.exec(box, "echo one > /workspace/f")
        answer = self.post(f"/{box}/fork", {"metadata": {"b": "3"}})
        self.assertEqual(answer.status, 201, answer.body)
        forked = answer.json()
        child, = forked["children"]
        self.assertEqual((forked["parent_id"], forked["memory"], forked["sandbox"]["id"]), (box, False, child))
        self.assertEqual(forked["sandbox"]["metadata"], {"a": "1", "b": "3"})
        self.assertEqual(forked["sandbox"]["limits"]["pids"], 77)
        self.daemon.exec(child, "echo two >> /workspace/f")
        self.assertEqual(self.daemon.exec(box, "cat /workspace/f")["stdout"], "one\n")
        self.assertEqual(self.daemon.exec(child, "cat /workspace/f")["stdout"], "one\ntwo\n")
        self.assertEqual(self.files(), [], "a fork leaves no file")
        self.assertEqual(self.post(f"/{box}/fork").status, 201)

    def test_a_tree_and_its_winner(self):
        box = self.daemon.create()
        self.daemon.exec(box, "echo one > /workspace/f")
        answer = self.post(f"/{box}/fork-tree", {"count": 3, "metadata": {"x": "y"}})
        self.assertEqual(answer.status, 201, answer.body)
        tree = answer.json()
        self.assertEqual(len(tree["children"]), 3)
        ids = [child["id"] for child in tree["children"]]
        for child in tree["children"]:
            self.assertEqual(child["metadata"], {"x": "y", "fork_tree_id": tree["tree_id"]})
            self.assertEqual(self.daemon.exec(child["id"], "cat /workspace/f")["stdout"], "one\n")
        self.assertEqual(self.post(f"/{ids[0]}/promote", {"tree_id": "another"}).status, 409)
        kept = self.post(f"/{ids[0]}/promote", {"cleanup_siblings": False}).json()
        self.assertEqual((kept["winner"], kept["deleted"]), (ids[0], []))
        won = self.post(f"/{ids[0]}/promote", {"cleanup_siblings": True, "tree_id": tree["tree_id"]}).json()
        self.assertEqual((won["winner"], won["tree_id"], sorted(won["deleted"]), won["failures"]),
                         (ids[0], tree["tree_id"], sorted(ids[1:]), {}))
        living = [one["id"] for one in self.daemon.request("GET", "/v1/sandboxes").json()["items"]]
        self.assertEqual(sorted(living), sorted([box, ids[0]]))
        # One that is of no tree has no siblings.
        alone = self.post(f"/{box}/promote", {"cleanup_siblings": True}).json()
        self.assertEqual((alone["tree_id"], alone["deleted"]), (None, []))

    def test_quotas_hold(self):
        key = self.daemon.new_key(label="small", quota={"sandboxes": 3})["key"]
        box = self.daemon.create(key=key)
        tree = self.post(f"/{box}/fork-tree", {"count": 5}, key=key)
        self.assertEqual(tree.status, 201)
        self.assertEqual((len(tree.json()["children"]), len(tree.json()["errors"])), (2, 3))
        for path, body in (("fork", {}), ("fork-tree", {"count": 1})):
            self.assertEqual(self.post(f"/{box}/{path}", body, key=key).status, 429)

    def test_mistakes(self):
        box = self.daemon.create()
        for body in ({"count": 0}, {"count": 17}, {"count": "2"}, {"other": 1}, {"metadata": []}):
            self.assertEqual(self.post(f"/{box}/fork-tree", body).status, 400, body)
        self.assertEqual(self.post(f"/{box}/fork", {"count": 2}).status, 400)
        for path in ("snapshots", "fork", "fork-tree", "promote"):
            self.assertEqual(self.post(f"/{'a' * 20}/{path}").status, 404)
        if self.post(f"/{box}/pause").status == 204:
            self.assertEqual(self.post(f"/{box}/snapshots").status, 409)

    def test_what_cannot_be_read_makes_no_snapshot(self):
        box = self.daemon.create()
        self.daemon.exec(box, "echo x > /workspace/f && chmod 0 /workspace/f")
        answer = self.post(f"/{box}/snapshots")
        self.assertEqual((answer.status, answer.json()["code"]), (409, "conflict"))
        self.assertIn("workspace/f", answer.json()["error"])
        self.assertEqual(self.files(), [])

    def test_a_state_that_does_not_fit(self):
        box = self.daemon.create(limits={"disk": "48M"})
        self.daemon.exec(box, "head -c 40000000 /dev/urandom > /workspace/f")
        snapshot = self.take(box)
        answer = self.post("", {"from_snapshot": snapshot["id"], "limits": {"disk": "16M"}})
        self.assertEqual((answer.status, answer.json()["code"]), (429, "exhausted"))
        living = [one["id"] for one in self.daemon.request("GET", "/v1/sandboxes").json()["items"]]
        self.assertEqual(living, [box], "one that could not be filled is ended")

    def test_a_state_that_was_spoilt_is_a_typed_error(self):
        box = self.daemon.create()
        snapshot = self.take(box)
        (self.folder / snapshot["id"]).write_bytes(os.urandom(10_000))
        answer = self.post("", {"from_snapshot": snapshot["id"]})
        self.assertEqual((answer.status, answer.json()["code"]), (409, "conflict"))

    def test_from_the_command_line(self):
        def brig(*words):
            return subprocess.run([BRIG, "sandbox", *words], capture_output=True, timeout=60, env={
                **os.environ, "BRIG_API_URL": f"http://127.0.0.1:{self.daemon.port}", "BRIG_API_KEY": self.daemon.key})
        here = pathlib.Path(self.daemon.folder, "here")
        (here / "d").mkdir(parents=True)
        (here / "d/f").write_text("hello")
        box = self.daemon.create()
        done = brig("cp", str(here), box + ":/workspace/there")
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        snapshot = brig("snapshot", box).stdout.decode().strip()
        copies = [brig("create", "--from-snapshot", snapshot), brig("fork", "--metadata", "a=b", box)]
        for copy in copies:
            self.assertEqual(self.daemon.exec(copy.stdout.decode().strip(), "cat there/d/f")["stdout"], "hello")
        for name in ("out.tar", "out.tar.gz"):
            out = os.path.join(self.daemon.folder, name)
            self.assertEqual(brig("cp", box + ":/workspace/there", out).returncode, 0)
            with tarfile.open(out) as tar:
                self.assertEqual(tar.extractfile("./d/f").read(), b"hello")
        refused = brig("cp", box + ":/workspace/there", str(here))
        self.assertEqual(refused.returncode, 2)
        self.assertIn(b"NAME.tar", refused.stderr)

    def test_files_without_a_record_go_at_the_next_start(self):
        snapshot = self.take(self.daemon.create())
        self.daemon.kill()
        for name in ("abcdefghjkmnpqrstuvw", "abcdefghjkmnpqrstuvw.half"):
            (self.folder / name).write_bytes(b"half")
        (self.folder / "notes").write_bytes(b"somebody's")
        self.daemon.start()
        self.assertEqual(self.files(), sorted([snapshot["id"], "notes"]))


if __name__ == "__main__":
    unittest.main()
