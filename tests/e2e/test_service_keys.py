#!/usr/bin/python3
"""Keys: what one has is as if it were not there for another; and the command line, which speaks with a key."""
import fcntl
import hashlib
import json
import os
import pty
import re
import select
import struct
import subprocess
import tempfile
import termios
import time
import unittest

import service
from service import BRIG, PATIENCE, ServiceCase, program, wait_until

REQUESTS = [
    ("GET", "", None), ("DELETE", "", None), ("GET", "/attestation", None), ("POST", "/pause", {}), ("POST", "/resume", {}), ("GET", "/lifecycle", None),
    ("PATCH", "/lifecycle", {"ttl_seconds": 1}), ("GET", "/metrics", None), ("POST", "/exec", {"cmd": "touch /workspace/intruder"}), ("POST", "/exec", {"cmd": "id", "background": True}),
    ("POST", "/exec/stream", {"cmd": "id"}), ("GET", "/processes", None), ("GET", "/processes/1", None), ("DELETE", "/processes/1", None), ("GET", "/processes/1/wait", None),
    ("GET", "/processes/1/stream", None), ("GET", "/processes/1/output", None), ("POST", "/processes/1/signal", {"signal": "SIGKILL"}), ("POST", "/processes/1/stdin", {"x": 1}),
    ("DELETE", "/processes/1/stdin", None), ("POST", "/processes/1/resize", {"rows": 5, "cols": 5}), ("GET", "/processes/1/attach", None), ("GET", "/logs", None),
    ("GET", "/fs?path=/workspace/secret", None), ("PUT", "/fs?path=/workspace/secret", b"changed"), ("DELETE", "/fs?path=/workspace/secret", None), ("GET", "/fs/dir?path=/workspace", None),
    ("GET", "/fs/stat?path=/workspace/secret", None), ("POST", "/fs/mkdir", {"path": "/workspace/intruder"}), ("POST", "/fs/move", {"from": "/workspace/secret", "to": "/workspace/moved"}),
    ("POST", "/fs/chmod", {"path": "/workspace/secret", "mode": "0777"}), ("GET", "/ports", None), ("POST", "/ports/8000/preview", {}), ("GET", "/ports/8000/", None),
]


class TwoKeys(ServiceCase):
    def setUp(self):
        super().setUp()
        self.key = self.daemon.make_key(label="one")
        self.one = self.daemon.client(self.key["key"])
        self.other = self.daemon.client(self.daemon.make_key(label="two")["key"])
        self.sandbox = self.one.create(metadata={"of": "one"})
        self.addCleanup(lambda: self.one.request("DELETE", "/v1/sandboxes/" + self.sandbox))
        self.one.expect(200, "PUT", "/v1/sandboxes/%s/fs?path=/workspace/secret" % self.sandbox, b"secret")
        self.process = self.one.start(self.sandbox, "echo hidden; exec cat", keep_stdin=True)

    def never_was(self):
        """An id as they are, of nothing: one of the daemon's own whose sandbox belonged to nobody else, with its letters in another order."""
        letters = "abcdefghjkmnpqrstuvw"
        self.assertNotEqual(letters, self.sandbox)
        return letters

    @staticmethod
    def anonymous(answer, sandbox):
        """What an answer says without naming which sandbox and which request it is about."""
        body = answer.json()
        body["request_id"] = ""
        text = json.dumps(body, sort_keys=True).replace(sandbox, "ID")
        headers = sorted((name, value) for name, value in answer.headers.items() if name not in ("Date", "Content-Length", "X-Request-Id", "Request-Id", "Brig-Request-Id"))
        return answer.status, text, [name for name, _ in headers]

    def test_another_keys_is_not_there(self):
        nobody = self.never_was()
        for method, rest, body in REQUESTS:
            with self.subTest(method + " " + rest):
                theirs = self.other.request(method, "/v1/sandboxes/" + self.sandbox + rest, body)
                none = self.other.request(method, "/v1/sandboxes/" + nobody + rest, body)
                self.assert_error(theirs, 404)
                self.assertEqual(self.anonymous(theirs, self.sandbox), self.anonymous(none, nobody))
        # Nothing of all that was done.
        info = self.one.info(self.sandbox)
        self.assertEqual((info["status"], info["ttl_seconds"]), ("running", 3600))
        self.assertEqual(self.one.exec(self.sandbox, "ls; cat secret; stat -c %a secret")["stdout"], "secret\nsecret644\n")
        self.assertTrue(self.one.expect(200, "GET", self.process)["running"])

    def test_ended_ones_as_well(self):
        self.one.kill(self.sandbox)
        self.assertEqual(self.one.info(self.sandbox)["end_reason"], "killed")
        theirs = self.other.get("/v1/sandboxes/" + self.sandbox)
        none = self.other.get("/v1/sandboxes/" + self.never_was())
        self.assert_error(theirs, 404)
        self.assertEqual(self.anonymous(theirs, self.sandbox), self.anonymous(none, self.never_was()))

    def test_a_websocket_to_anothers(self):
        socket = self.other.websocket(self.process + "/attach")
        self.assertEqual(socket.status, 404)

    def test_lists(self):
        mine = self.other.create(metadata={"of": "one"})
        for query in ("", "state=all", "metadata.of=one", "template=host"):
            self.assertEqual([item["id"] for item in self.other.list(query)], [mine])
        # A page's end is no key to what comes after it.
        self.one.create()
        cursor = self.one.expect(200, "GET", "/v1/sandboxes?limit=1")["next_cursor"]
        self.assertTrue(cursor)
        answer = self.other.get("/v1/sandboxes?cursor=" + cursor)
        if answer.status == 200:
            self.assertLessEqual({item["id"] for item in answer.json()["items"]}, {mine})
        for item in self.one.list():
            self.one.kill(item["id"])
        self.other.kill(mine)

    def test_keys_through_the_socket_only(self):
        for method, path, body in (("POST", "/v1/keys", {"label": "x"}), ("GET", "/v1/keys", None), ("DELETE", "/v1/keys/" + self.key["id"], None)):
            self.assert_error(self.one.request(method, path, body), 403)
            self.assert_error(service.Client(self.daemon.address).request(method, path, body), 401)
        by_socket = service.Client(self.daemon.socket, self.key["key"])  # with a key it is that key, also there
        self.assert_error(by_socket.get("/v1/keys"), 403)
        listed = self.daemon.owner().expect(200, "GET", "/v1/keys")["items"]
        self.assertIn(self.key["id"], [key["id"] for key in listed])
        self.assertNotIn(self.key["key"], json.dumps(listed))
        self.assertEqual(self.one.get("/v1/me").json()["id"], self.key["id"])
        self.assertEqual(os.stat(self.daemon.socket).st_mode & 0o077, 0)

    def test_nothing_readable_is_kept(self):
        digits = self.key["key"].partition("_")[2].encode()
        for name in os.listdir(self.daemon.state):
            path = os.path.join(self.daemon.state, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    self.assertNotIn(digits, file.read(), name)
        self.assertNotIn(digits, self.daemon.log())

    def test_revoked_at_once(self):
        connection = service.Connection(self.daemon.address)  # kept, so that no memory of it helps
        connection.request("GET", "/v1/sandboxes", headers=self.one.headers())
        response = connection.getresponse()
        self.assertEqual((response.status, bool(response.read())), (200, True))
        self.daemon.owner().expect(204, "DELETE", "/v1/keys/" + self.key["id"])
        connection.request("GET", "/v1/sandboxes", headers=self.one.headers())
        response = connection.getresponse()
        self.assertEqual((response.status, bool(response.read())), (401, True))
        connection.close()
        for method, rest, body in REQUESTS:
            self.assert_error(self.one.request(method, "/v1/sandboxes/" + self.sandbox + rest, body), 401)
        self.assert_error(self.daemon.owner().request("DELETE", "/v1/keys/" + self.never_was()), 404)

    def test_revoked_with_its_sandboxes(self):
        ids = [self.sandbox] + [self.one.create() for _ in range(3)]
        theirs = self.other.create()
        self.daemon.owner().expect(204, "DELETE", "/v1/keys/" + self.key["id"])
        ended = {line["sandbox"]: line["detail"] for line in map(json.loads, self.daemon.log().splitlines()) if line["event"] == "sandbox.ended"}
        self.assertEqual({ended.get(sandbox) for sandbox in ids}, {"killed"})
        self.assertNotIn(theirs, ended)
        self.other.kill(theirs)

    def test_expired(self):
        made = self.daemon.make_key(expires_in_seconds=1)
        client = self.daemon.client(made["key"])
        self.assertTrue(wait_until(lambda: client.get("/v1/me").status == 401))

    def test_the_daemon_is_confined(self):
        for thread in os.listdir("/proc/%d/task" % self.daemon.pid):
            status = dict(line.split(":\t", 1) for line in service.read("/proc/%d/task/%s/status" % (self.daemon.pid, thread)).splitlines() if ":\t" in line)
            self.assertEqual([status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")], ["0" * 16] * 5)
            self.assertEqual((status["NoNewPrivs"], status["Groups"].strip()), ("1", ""))
            self.assertNotIn("0", status["Uid"].split() + status["Gid"].split())
        # Landlock: the daemon looks itself, before it reads the first byte of a client, and does not start if it does not hold.
        said = [json.loads(line) for line in self.daemon.log().splitlines() if b"daemon.confined" in line]
        kernel = tuple(int(number) for number in os.uname().release.split("-")[0].split(".")[:2])
        if kernel >= (6, 7) and "landlock" in service.read("/sys/kernel/security/lsm"):
            self.assertGreaterEqual(said[-1]["landlock"], 4)

    def test_inside_cannot_reach_the_daemon(self):
        host, port = self.daemon.address
        code = "import socket\ns = socket.socket(); s.settimeout(2)\ntry: s.connect((%r, %d)); print('reached')\nexcept OSError as e: print('refused')" % (host, port)
        self.assertEqual(self.one.exec(self.sandbox, ["python3", "-c", code])["stdout"], "refused\n")
        self.assertEqual(self.one.exec(self.sandbox, "test -e %s; echo $?" % self.daemon.socket)["stdout"], "1\n")


class CommandLine(ServiceCase):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix="brig-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def brig(self, *arguments, code=0, **options):
        done = program(*arguments, daemon=self.daemon, **options)
        self.assertEqual(done.returncode, code, (arguments, done.stdout[-500:], done.stderr[-1000:]))
        return done.stdout.decode(errors="replace")

    def create(self, *arguments):
        made = self.brig("sandbox", "create", *arguments)
        self.assertRegex(made, r"\A[a-z0-9]{20}\n\Z")
        return made.strip()

    def keys(self, *arguments, **options):
        return self.brig("keys", *arguments, "--state-dir", self.daemon.state, **options)

    def test_life(self):
        sandbox = self.create("--ttl", "10m", "--idle", "5m", "--metadata", "user=7", "--env", "A=b c", "--memory", "64M")
        info = json.loads(self.brig("sandbox", "info", "--json", sandbox))
        self.assertEqual((info["ttl_seconds"], info["idle_seconds"], info["metadata"], info["limits"]["memory_bytes"]), (600, 300, {"user": "7"}, 64 << 20))
        self.assertIn(sandbox, self.brig("sandbox", "info", sandbox))
        table = self.brig("sandbox", "ls").splitlines()
        self.assertTrue(table[0].startswith("ID"), table)
        self.assertEqual(sum(line.startswith(sandbox) for line in table), 1)
        self.assertEqual([item["id"] for item in json.loads(self.brig("sandbox", "ls", "--json"))], [sandbox])
        self.assertEqual(self.brig("sandbox", "exec", sandbox, "sh", "-c", "echo $A"), "b c\n")
        self.brig("sandbox", "ttl", sandbox, "1h")
        self.assertEqual(self.client.info(sandbox)["ttl_seconds"], 3600)
        self.brig("sandbox", "pause", sandbox)
        self.assertEqual(self.client.info(sandbox)["status"], "paused")
        self.brig("sandbox", "exec", sandbox, "true", code=125)
        self.brig("sandbox", "resume", sandbox)
        self.assertIn("b c\n", self.brig("sandbox", "logs", sandbox))
        self.brig("sandbox", "kill", sandbox)
        self.assertEqual(json.loads(self.brig("sandbox", "ls", "--json")), [])
        ended = {item["id"]: item for item in json.loads(self.brig("sandbox", "ls", "--all", "--json"))}
        self.assertEqual(ended[sandbox]["end_reason"], "killed")
        self.brig("sandbox", "kill", sandbox, code=125)
        made = json.loads(self.brig("sandbox", "create", "--json", "--runtime", "process"))
        self.assertEqual((made["status"], made["runtime"]), ("running", "process"))
        self.brig("sandbox", "create", "--runtime", "nonsense", code=2)

    def test_exit_codes_and_input(self):
        sandbox = self.create()
        for command, code in ((["true"], 0), (["sh", "-c", "exit 42"], 42), (["sh", "-c", "kill -9 $$"], 137), (["no-such-program"], 127)):
            self.brig("sandbox", "exec", sandbox, *command, code=code)
        self.brig("sandbox", "exec", "--timeout", "300ms", sandbox, "sleep", "60", code=124)
        self.assertEqual(self.brig("sandbox", "exec", "-i", sandbox, "cat", stdin="ü input\n".encode()), "ü input\n")
        self.assertEqual(self.brig("sandbox", "exec", sandbox, "cat", stdin=b"not wanted"), "")
        large = os.urandom(5_000_000)
        self.assertEqual(self.brig("sandbox", "exec", "-i", sandbox, "sha256sum", stdin=large).split()[0], hashlib.sha256(large).hexdigest())
        self.assertEqual(self.brig("sandbox", "exec", "-i", sandbox, "sh", "-c", "head -c 3 | od -An -tx1", stdin=b"\0\xff\n" + large).split(), ["00", "ff", "0a"])
        self.brig("sandbox", "exec", "-i", sandbox, "false", stdin=large, code=1)
        with open("/dev/null", "rb") as nothing, open(__file__, "rb") as file:
            environment = {"BRIG_API_URL": "http://%s:%d" % self.daemon.address, "BRIG_API_KEY": self.daemon.key}
            for given in (nothing, file):
                ran = subprocess.run([BRIG, "sandbox", "exec", "-i", sandbox, "cat"], stdin=given, capture_output=True, timeout=PATIENCE, env=environment)
                given.seek(0)
                self.assertEqual((ran.returncode, ran.stdout), (0, given.read()), ran.stderr)
            with subprocess.Popen([BRIG, "sandbox", "exec", "-i", sandbox, "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as talk:
                for line in (b"one\n", b"two\n"):  # each is answered before the next is written
                    talk.stdin.write(line)
                    talk.stdin.flush()
                    self.assertEqual(talk.stdout.readline(), line)
                talk.stdin.close()
                self.assertEqual((talk.stdout.read(), talk.wait(PATIENCE)), (b"", 0))
        self.assertEqual(self.brig("sandbox", "exec", "--cwd", "/tmp", "-e", "X=y=z", sandbox, "--", "sh", "-c", "pwd; echo $X; echo --flag"), "/tmp\ny=z\n--flag\n")
        done = program("sandbox", "exec", sandbox, "sh", "-c", "echo out; echo err >&2", daemon=self.daemon)
        self.assertEqual((done.stdout, done.stderr), (b"out\n", b"err\n"))
        done = program("sandbox", "exec", sandbox, "sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x", daemon=self.daemon)
        self.assertEqual((done.returncode, len(done.stdout), set(done.stdout)), (0, 5_000_000, {ord("x")}))

    def test_bytes_come_through(self):
        sandbox = self.create()
        code = "import os; os.write(1, bytes(range(256)) * 1000)"
        done = program("sandbox", "exec", sandbox, "python3", "-c", code, daemon=self.daemon)
        self.assertEqual(done.stdout, bytes(range(256)) * 1000)

    def test_copy(self):
        sandbox = self.create()
        here, back = os.path.join(self.folder, "here ü"), os.path.join(self.folder, "back")
        content = os.urandom(3 << 20)
        with open(here, "wb") as file:
            file.write(content)
        self.brig("sandbox", "cp", here, sandbox + ":/workspace/a b")
        self.brig("sandbox", "cp", sandbox + ":/workspace/a b", back)
        with open(back, "rb") as file:
            self.assertEqual(file.read(), content)
        self.brig("sandbox", "cp", sandbox + ":/workspace/a b", self.folder)  # into a folder
        self.assertTrue(os.path.exists(os.path.join(self.folder, "a b")))
        self.brig("sandbox", "cp", "-", sandbox + ":/workspace/pipe", stdin=b"\0\xff")
        self.assertEqual(program("sandbox", "cp", "--", sandbox + ":/workspace/pipe", "-", daemon=self.daemon).stdout, b"\0\xff")
        self.brig("sandbox", "cp", sandbox + ":/workspace/none", back, code=125)
        with open(back, "rb") as file:  # what was there stays
            self.assertEqual(file.read(), content)
        self.brig("sandbox", "cp", "/no/such", sandbox + ":/workspace/x", code=125)
        self.brig("sandbox", "cp", here, back, code=2)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a b", "back", "here ü"])

    def test_progress_of_a_long_copy(self):
        """On a terminal, and only there, a line says how far it is; it is gone at the end."""
        sandbox = self.create()
        terminal, theirs = pty.openpty()
        environment = {"PATH": "/usr/bin:/bin", "BRIG_API_URL": "http://%s:%d" % self.daemon.address, "BRIG_API_KEY": self.daemon.key}
        copying = subprocess.Popen([BRIG, "sandbox", "cp", "-", sandbox + ":/workspace/slow"], stdin=subprocess.PIPE, stderr=theirs, env=environment)
        os.close(theirs)
        seen, sent = b"", 0

        def is_shown():
            nonlocal seen, sent
            copying.stdin.write(b"x" * 1000)
            copying.stdin.flush()
            sent += 1000
            if select.select([terminal], [], [], 0)[0]:
                seen += os.read(terminal, 4096)
            return b" MB" in seen
        self.assertTrue(wait_until(is_shown), seen)
        copying.stdin.close()
        self.assertEqual(copying.wait(PATIENCE), 0)
        try:
            while piece := os.read(terminal, 4096):
                seen += piece
        except OSError:  # how a terminal without a program ends
            pass
        os.close(terminal)
        self.assertTrue(seen.endswith(b"\r\x1b[K"), seen)
        self.assertEqual(self.client.exec(sandbox, "wc -c < /workspace/slow")["stdout"].strip(), str(sent))

    def test_mistakes(self):
        sandbox = self.create()
        for arguments in (["sandbox"], ["sandbox", "creat"], ["sandbox", "exec"], ["sandbox", "exec", sandbox], ["sandbox", "kill"], ["sandbox", "create", "--ttl", "x"], ["sandbox", "create", "--env", "x"],
                          ["sandbox", "ttl", sandbox], ["sandbox", "cp", "a"], ["sandbox", "create", "--memory", "-1"], ["keys", "none"], ["keys", "revoke"], ["keys", "create", "--expires", "x"], ["sandbox", "ls", "--nonsense"]):
            done = program(*arguments, daemon=self.daemon)
            with self.subTest(arguments=arguments):
                self.assertEqual((done.returncode, done.stdout), (2, b""), done.stderr)
                self.assertTrue(done.stderr.startswith(b"brig: "), done.stderr)
        for arguments in (["info", "aaaaaaaaaaaaaaaaaaaa"], ["exec", "aaaaaaaaaaaaaaaaaaaa", "true"]):
            done = program("sandbox", *arguments, daemon=self.daemon)
            self.assertEqual((done.returncode, done.stdout), (125, b""), done.stderr)
        done = program("sandbox", "ls", daemon=self.daemon, key="brig_" + "0" * 40)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"BRIG_API_KEY", done.stderr)
        done = program("keys", "ls", "--state-dir", "/nowhere/at/all", daemon=self.daemon)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"no daemon is at home in /nowhere/at/all: brig serve starts one", done.stderr)
        done = program("sandbox", "ls", "--api-url", "http://127.0.0.1:1", daemon=self.daemon)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"brig serve", done.stderr)

    def test_keys(self):
        key = self.keys("create", "--label", "new", "--sandboxes", "1", "--memory", "1G", "--cpus", "2", "--expires", "1h").strip()
        self.assertRegex(key, r"\Abrig_[0-9a-f]{40}\Z")
        self.brig("sandbox", "create", key=key)
        self.brig("sandbox", "create", key=key, code=125)
        listed = next(item for item in json.loads(self.keys("ls", "--json"))["items"] if item["label"] == "new")
        self.assertEqual(listed["quota"], {"sandboxes": 1, "cpu_millis": 2000, "memory_bytes": 1 << 30})
        self.assertIn("new", self.keys("ls"))
        for item in json.loads(self.brig("sandbox", "ls", "--json", key=key)):
            self.brig("sandbox", "kill", item["id"], key=key)
        self.keys("revoke", listed["id"])
        self.brig("sandbox", "ls", key=key, code=125)
        floored = self.keys("create", "--require", "hardware").strip()
        self.brig("sandbox", "create", key=floored, code=125)

    def test_a_key_of_some_walls_and_templates(self):
        bound = self.keys("create", "--label", "bound", "--runtime", "cell", "--runtime", "microvm", "--template", "host").strip()
        listed = next(item for item in json.loads(self.keys("ls", "--json"))["items"] if item["label"] == "bound")
        self.assertEqual((listed["runtimes"], listed["templates"]), (["cell", "microvm"], ["host"]))
        self.assertIn("runtimes cell microvm, templates host", self.keys("ls"))
        self.brig("sandbox", "create", "--memory", "64M", key=bound, code=125)  # no daemon has these
        fitting = self.keys("create", "--runtime", "process", "--template", "host").strip()
        self.brig("sandbox", "kill", self.brig("sandbox", "create", key=fitting).strip(), key=fitting)
        other = self.keys("create", "--template", "other").strip()
        self.brig("sandbox", "create", key=other, code=125)

    def test_snapshots(self):
        sandbox = self.create()
        self.brig("sandbox", "exec", sandbox, "sh", "-c", "echo kept > file")
        first, second = (self.brig("sandbox", "snapshot", sandbox).strip() for _ in range(2))
        listed = json.loads(self.brig("sandbox", "snapshot", "ls", "--json", sandbox))
        self.assertEqual({item["id"] for item in listed}, {first, second})
        self.assertEqual([item["sandbox_id"] for item in listed], [sandbox] * 2)
        self.assertIn(first, self.brig("sandbox", "snapshot", "ls"))
        self.assertEqual(json.loads(self.brig("sandbox", "snapshot", "ls", "--json", self.create())), [])
        copy = self.create("--from-snapshot", first)
        self.assertEqual(self.brig("sandbox", "exec", copy, "cat", "file"), "kept\n")
        self.brig("sandbox", "snapshot", "rm", first, "aaaaaaaaaaaaaaaaaaaa", second, code=125)  # one that is not there stops none
        self.assertEqual(json.loads(self.brig("sandbox", "snapshot", "ls", "--json")), [])
        self.brig("sandbox", "snapshot", "rm", code=2)
        forked = self.brig("sandbox", "fork", "--metadata", "a=b", sandbox).strip()
        self.assertEqual(self.client.info(forked)["metadata"], {"a": "b"})
        self.brig("sandbox", "kill", forked, "aaaaaaaaaaaaaaaaaaaa", copy, code=125)
        self.assertEqual({self.client.info(one)["end_reason"] for one in (forked, copy)}, {"killed"})
        self.brig("sandbox", "kill", sandbox)

    def test_ports(self):
        sandbox = self.create()
        self.assertEqual(json.loads(self.brig("sandbox", "ports", "--json", sandbox)), [])
        self.client.start(sandbox, "exec python3 -m http.server 8123")
        self.assertTrue(wait_until(lambda: json.loads(self.brig("sandbox", "ports", "--json", sandbox))))
        address = self.brig("sandbox", "ports", sandbox, "8123").strip()
        self.assertEqual(address, "http://8123-%s.localhost:%d/" % (sandbox, self.daemon.address[1]))
        self.assertIn(address, self.brig("sandbox", "ports", sandbox))
        signed = self.brig("sandbox", "ports", "--preview", "5m", sandbox, "8123").strip()
        host, _, path = signed.removeprefix("http://").partition("/")
        self.assertEqual(service.Client(self.daemon.address).get("/" + path, headers={"Host": host}).status, 200)
        self.brig("sandbox", "ports", sandbox, "8124", code=125)
        for arguments in ((), (sandbox, "0"), (sandbox, "65536"), (sandbox, "x"), ("--preview", "5m", sandbox), ("--preview", "x", sandbox, "1")):
            self.brig("sandbox", "ports", *arguments, code=2)

    def test_logs_are_followed(self):
        sandbox = self.create()
        self.brig("sandbox", "exec", sandbox, "echo", "before")
        environment = {"BRIG_API_URL": "http://%s:%d" % self.daemon.address, "BRIG_API_KEY": self.daemon.key}
        with subprocess.Popen([BRIG, "sandbox", "logs", "-f", sandbox], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as following:
            self.assertEqual(following.stdout.readline(), b"before\n")
            self.brig("sandbox", "exec", sandbox, "sh", "-c", "echo out; echo err >&2")
            self.assertEqual((following.stdout.readline(), following.stderr.readline()), (b"out\n", b"err\n"))
            self.brig("sandbox", "kill", sandbox)
            self.assertEqual((following.stdout.read(), following.stderr.read(), following.wait(PATIENCE)), (b"", b"", 0))
        self.brig("sandbox", "logs", "-f", sandbox, code=125)

    def test_without_key_through_the_socket(self):
        done = subprocess.run([BRIG, "sandbox", "ls", "--api-url", "unix:" + self.daemon.socket], capture_output=True, timeout=PATIENCE, env={"PATH": "/usr/bin:/bin"})
        self.assertEqual(done.returncode, 0, done.stderr)


class Pty:
    """A program at a terminal of ours."""

    def __init__(self, arguments, environment, rows=33, cols=111):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(arguments[0], arguments, environment)
        self.resize(rows, cols)
        self.output = b""

    def resize(self, rows, cols):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def send(self, data):
        os.write(self.fd, data)

    def read(self, patience):
        if not select.select([self.fd], [], [], patience)[0]:
            return False
        try:
            data = os.read(self.fd, 1 << 16)
        except OSError:
            return False
        self.output += data
        return bool(data)

    def wait_for(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.output):
            if time.monotonic() > deadline or not self.read(1) and not service.is_alive(self.pid):
                raise AssertionError("%r does not come: %r" % (pattern, self.output[-2000:]))
        self.output = self.output[re.search(pattern, self.output).end():]

    def end(self):
        while self.read(PATIENCE):
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


class Shell(ServiceCase):
    """`brig sandbox exec -it ID sh` feels like a local shell."""

    def start(self, *command):
        self.sandbox = self.client.create()
        environment = {"PATH": "/usr/bin:/bin", "TERM": "xterm", "BRIG_API_URL": "http://%s:%d" % self.daemon.address, "BRIG_API_KEY": self.daemon.key}
        shell = Pty([BRIG, "sandbox", "exec", "-it", self.sandbox, *command], environment)
        self.addCleanup(lambda: service.kill(shell.pid))
        return shell

    def test_shell(self):
        shell = self.start("sh")
        shell.send(b"echo a$((1+1))b; tty\r")
        shell.wait_for(rb"a2b\r\n")
        shell.wait_for(rb"/dev/pts/\d+")
        shell.resize(44, 123)
        self.assertTrue(wait_until(lambda: self.has_size(shell, b"44 123"), pause=0.2))
        shell.send(b"sleep 600; echo woken\r")
        self.assertTrue(wait_until(lambda: "sleep" in self.client.exec(self.sandbox, "cat /proc/*/comm")["stdout"]))
        shell.send(b"\x03")
        shell.send(b"echo st$((1))ll\r")
        shell.wait_for(rb"st1ll")
        shell.send(b"exit 17\r")
        self.assertEqual(shell.end(), 17)

    @staticmethod
    def has_size(shell, size):
        shell.output = b""
        shell.send(b"stty size; echo si$((1))ze\r")
        deadline = time.monotonic() + PATIENCE
        while b"si1ze" not in shell.output and time.monotonic() < deadline:
            shell.read(1)
        return size in shell.output

    def test_bash_with_colours_completion_and_jobs(self):
        shell = self.start("bash", "--norc")
        shell.wait_for(rb"\$ $")
        shell.send(b"echo $TERM; ls -d --color=auto /usr\r")
        shell.wait_for(rb"xterm\r\n.*\x1b\[[0-9;]*m/usr")  # of the terminal here
        shell.send(b"cd /workspa\t; pwd\r")
        shell.wait_for(rb"\r/workspace\r\n")
        shell.send(b"sleep 600\r")
        self.assertTrue(wait_until(lambda: "sleep" in self.client.exec(self.sandbox, "cat /proc/*/comm")["stdout"]))
        shell.send(b"\x1a")
        shell.wait_for(rb"Stopped")
        shell.send(b"kill %1; wait; echo w$((1))ll\r")
        shell.wait_for(rb"w1ll")
        shell.send(b"(exit 3)\rexit\r")
        self.assertEqual(shell.end(), 3)

    def test_end_of_input(self):
        shell = self.start("sh")
        shell.send(b"echo r$((1))dy\r")
        shell.wait_for(rb"r1dy")
        shell.send(b"\x04")
        self.assertEqual(shell.end(), 0)

    def test_sandbox_ends(self):
        shell = self.start("sh")
        shell.send(b"echo r$((1))dy\r")
        shell.wait_for(rb"r1dy")
        self.client.kill(self.sandbox)
        self.assertNotEqual(shell.end(), 0)

    def test_client_dies(self):
        shell = self.start("sh")
        shell.send(b"echo r$((1))dy; sleep 600\r")
        shell.wait_for(rb"r1dy")
        service.kill(shell.pid)
        os.waitpid(shell.pid, 0)
        os.close(shell.fd)
        self.assertIn("sleep", self.client.exec(self.sandbox, "cat /proc/*/comm")["stdout"])


if __name__ == "__main__":
    unittest.main()
