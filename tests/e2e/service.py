"""What the tests of the service share: a daemon of their own that surely ends, clients for HTTP, events and WebSockets, and a look at what is left.

Nothing here measures time: PATIENCE is how long a loaded machine may need for what an idle one does at once.
"""
import base64
import contextlib
import http.client
import http.server
import json
import os
import pwd
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from processes import (  # noqa: E402,F401  (its folder was not on the path; whoever imports us means these as well)
    PATIENCE, adopt_orphans, children, descendants, descriptors, is_alive, kill, name_of, program_of, read, state_of, wait_until,
)

BRIG = os.path.abspath(os.environ.get("BRIG", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/dev/bin/brig")))
NEEDS_ROOT = "needs root: makes sandboxes as the installed program does"


def reap():
    """The adopted that have ended."""
    for pid in children(os.getpid()):
        if state_of(pid) == "Z" and name_of(pid).startswith("brig"):
            try:
                os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                pass


def user_named(*names):
    """The first of these accounts that there is: a daemon with a user of its own has cgroups that nobody else's daemon has."""
    for name in names:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    return None


def groups_of_user(uid):
    """Cgroup folders of the sandboxes that this user's daemons made."""
    found = []
    for line in read("/proc/self/mountinfo").splitlines():
        fields, _, rest = line.partition(" - ")
        if rest.split()[0] in ("cgroup", "cgroup2"):
            top = fields.split()[4] + "/brig"
            try:
                found += [os.path.join(top, name) for name in os.listdir(top) if name.startswith("u%d-" % uid)]
            except OSError:
                pass
    return found


def mounts():
    """Those that Brig could have made on this side."""
    return {line for line in read("/proc/self/mountinfo").splitlines() if "/brig-" in line and "/brig-disk-" not in line}


@contextlib.contextmanager
def no_daemon(answer):
    """The address of a server that says `answer` to everything."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        do_GET = do_POST = do_DELETE = reply

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield "http://127.0.0.1:%d" % server.server_address[1]
        finally:
            server.shutdown()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return "%s %r" % (self.status, self.body[:400])


class Connection(http.client.HTTPConnection):
    """To a TCP address or a Unix socket."""

    def __init__(self, address, timeout=PATIENCE):
        super().__init__("localhost", timeout=timeout)
        self.address = address

    def connect(self):
        self.sock = connect(self.address, self.timeout)


def connect(address, timeout=PATIENCE):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


class Client:
    """One key (None: none is sent). A connection a request, unless `keep`."""

    def __init__(self, address, key=None):
        self.address, self.key = address, key

    def headers(self, more=None):
        headers = {"Authorization": "Bearer " + self.key} if self.key else {}
        headers.update(more or {})
        return headers

    def open(self, method, path, body=None, headers=None, timeout=PATIENCE):
        """The connection and its answer, whose body is not read yet."""
        connection = Connection(self.address, timeout)
        try:
            if isinstance(body, (dict, list)):
                body = json.dumps(body).encode()
            connection.request(method, path, body=body, headers=self.headers(headers))
            return connection, connection.getresponse()
        except BaseException:
            connection.close()
            raise

    def request(self, method, path, body=None, headers=None, timeout=PATIENCE):
        connection, response = self.open(method, path, body, headers, timeout)
        try:
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, {} if body is None else body, **options)

    def expect(self, status, method, path, body=None, **options):
        """The JSON of an answer that must have this status."""
        answer = self.request(method, path, body, **options)
        if answer.status != status:
            raise AssertionError("%s %s: %d was expected, not %r" % (method, path, status, answer))
        return answer.json() if answer.body else None

    def create(self, **body):
        return self.expect(201, "POST", "/v1/sandboxes", body)["id"]

    def info(self, sandbox):
        return self.expect(200, "GET", "/v1/sandboxes/" + sandbox)

    def kill(self, sandbox):
        self.expect(204, "DELETE", "/v1/sandboxes/" + sandbox)

    def exec(self, sandbox, command, **body):
        body["cmd" if isinstance(command, str) else "argv"] = command
        return self.expect(202 if body.get("background") else 200, "POST", "/v1/sandboxes/%s/exec" % sandbox, body)

    def start(self, sandbox, command, **body):
        """A command in the background; the path of its routes."""
        return "/v1/sandboxes/%s/processes/%s" % (sandbox, self.exec(sandbox, command, background=True, **body)["id"])

    def list(self, query="", **options):
        """All pages."""
        items, cursor = [], ""
        while True:
            page = self.expect(200, "GET", "/v1/sandboxes?%s%s" % (query, "&cursor=" + cursor if cursor else ""), **options)
            items += page["items"]
            cursor = page["next_cursor"]
            if not cursor:
                return items

    def events(self, method, path, body=None, headers=None):
        """Server-sent events as (name, data, id); closing the generator drops the connection."""
        connection, response = self.open(method, path, body, headers)
        try:
            if response.status != 200:
                raise AssertionError("%s %s: %d %r" % (method, path, response.status, response.read()))
            event = {}
            while True:
                line = response.readline()
                if not line:
                    return
                line = line.decode().rstrip("\n").rstrip("\r")
                if not line:
                    if "data" in event:
                        yield event.get("event", "message"), json.loads(event["data"]), event.get("id")
                    event = {}
                    continue
                name, _, value = line.partition(":")
                value = value[1:] if value.startswith(" ") else value
                if name == "data" and "data" in event:
                    value = event["data"] + "\n" + value
                if name:
                    event[name] = value
        finally:
            response.close()
            connection.close()

    def websocket(self, path):
        return WebSocket(self.address, path, self.headers())


def bytes_of(data):
    """Those of a stdout or stderr event."""
    return base64.b64decode(data["chunk_base64"]) if "chunk_base64" in data else data["chunk"].encode()


class WebSocket:
    """RFC 6455, a client's half: whole messages, no extensions."""

    def __init__(self, address, path, headers):
        self.sock = connect(address)
        key = base64.b64encode(os.urandom(16)).decode()
        head = "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n" % (path, key)
        head += "".join("%s: %s\r\n" % pair for pair in headers.items())
        self.sock.sendall(head.encode() + b"\r\n")
        self.inbox = b""
        while b"\r\n\r\n" not in self.inbox:
            self.more()
        answer, _, self.inbox = self.inbox.partition(b"\r\n\r\n")
        self.status = int(answer.split()[1])
        if self.status != 101:
            self.sock.close()

    def more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise EOFError("the WebSocket ended")
        self.inbox += data

    def take(self, count):
        while len(self.inbox) < count:
            self.more()
        taken, self.inbox = self.inbox[:count], self.inbox[count:]
        return taken

    def send(self, payload, opcode=2):
        mask = os.urandom(4)
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([0x80 | size])
        elif size < 1 << 16:
            head += bytes([0x80 | 126]) + struct.pack(">H", size)
        else:
            head += bytes([0x80 | 127]) + struct.pack(">Q", size)
        self.sock.sendall(head + mask + bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload)))

    def send_text(self, value):
        self.send(json.dumps(value).encode(), 1)

    def receive(self):
        """("binary", bytes), ("text", value) or ("close", code); answers pings."""
        opcode, payload = None, b""
        while True:
            first, second = self.take(2)
            size = second & 127
            if size == 126:
                size = struct.unpack(">H", self.take(2))[0]
            elif size == 127:
                size = struct.unpack(">Q", self.take(8))[0]
            data = self.take(size)
            kind = first & 15
            if kind == 9:
                self.send(data, 10)
                continue
            if kind == 10:
                continue
            if kind == 8:
                return "close", struct.unpack(">H", data[:2])[0] if len(data) >= 2 else None
            opcode = kind or opcode
            payload += data
            if first & 0x80:
                return ("text", json.loads(payload)) if opcode == 1 else ("binary", payload)

    def read_until(self, wanted, output=b""):
        """Binary messages until `wanted` is among them all."""
        while wanted not in output:
            kind, value = self.receive()
            if kind != "binary":
                raise AssertionError("%r was expected, %s %r came after %r" % (wanted, kind, value, output[-2000:]))
            output += value
        return output

    def read_to_end(self):
        """The rest of the output, and the text that says how it ended."""
        output, end = b"", None
        while True:
            kind, value = self.receive()
            if kind == "close":
                return output, end
            if kind == "binary":
                output += value
            else:
                end = value

    def close(self):
        self.sock.close()


class Daemon:
    """`brig serve` on a free port with a state folder of its own."""

    def __init__(self, *flags, folder=None, state=None, is_started=True):
        self.flags = list(flags)
        self.own_folder = None if folder else tempfile.mkdtemp(prefix="brig-serve-")
        self.folder = folder or self.own_folder
        os.chmod(self.folder, 0o711)  # the daemon is somebody else, and goes through it
        self.state = state or os.path.join(self.folder, "state")
        self.log_path = os.path.join(self.folder, "log")
        self.keeper, self.key, self.address = None, None, None
        if is_started:
            self.start()

    def start(self, *more):
        """The port stays the same from one start to the next, so clients find it again."""
        port = self.address[1] if self.address else 0
        begin = os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0
        out_path = os.path.join(self.folder, "out")
        with open(out_path, "ab") as out, open(self.log_path, "ab") as log:
            self.keeper = subprocess.Popen([BRIG, "serve", "--state-dir", self.state, "--listen", "127.0.0.1:%d" % port, *self.flags, *more],
                                           stdin=subprocess.DEVNULL, stdout=out, stderr=log)

        def is_up():
            return b"brigd.sock" in self.log()[begin:] or self.keeper.poll() is not None
        if not wait_until(is_up) or self.keeper.poll() is not None:
            text = self.log()[begin:]
            self.end()
            raise AssertionError("the daemon does not start: %r" % text)
        for line in self.log()[begin:].splitlines():
            at = json.loads(line).get("at", "") if line.startswith(b"{") and b"daemon.listening" in line else ""
            if at and not at.startswith("unix:"):
                host, _, number = at.rpartition(":")
                self.address = (host, int(number))
        for word in read(out_path).split():
            if word.startswith("BRIG_API_KEY="):
                self.key = word.partition("=")[2]

    def log(self):
        return read(self.log_path).encode()

    @property
    def socket(self):
        return os.path.join(self.state, "brigd.sock")

    def client(self, *key):
        """With the first key, if none is named."""
        return Client(self.address, key[0] if key else self.key)

    def owner(self):
        """Through the Unix socket, without a key."""
        return Client(self.socket)

    def settled_descriptors(self):
        """How many brigd has open once that stays the same: the pool is filled again, connections that ended are gone."""
        counts = []

        def look():
            counts.append(descriptors(self.pid))
            return len(counts) >= 10 and len(set(counts[-10:])) == 1
        wait_until(look, pause=0.05)
        return counts[-1]

    def make_key(self, **body):
        return self.owner().expect(201, "POST", "/v1/keys", body)

    def child(self, name):
        for pid in children(self.keeper.pid):
            if name_of(pid) == name and is_alive(pid):
                return pid
        return None

    @property
    def pid(self):
        """Of brigd itself."""
        return self.child("brigd")

    @property
    def launcher(self):
        return self.child("brig-launch")

    def tree(self):
        return [pid for pid in descendants(self.keeper.pid) if is_alive(pid)]

    def wait_serving(self):
        """A request is answered again."""
        def answers():
            try:
                return self.client().get("/v1/sandboxes").status == 200
            except (OSError, http.client.HTTPException):
                return False
        if not wait_until(answers):
            raise AssertionError("the daemon does not serve: %s" % read(self.log_path)[-2000:])

    def stop(self):
        """SIGTERM; the exit code."""
        self.keeper.send_signal(signal.SIGTERM)
        return self.keeper.wait(PATIENCE)

    def end(self):
        """Whatever state it is in."""
        if self.keeper is None:
            return
        if self.keeper.poll() is None:
            self.keeper.send_signal(signal.SIGTERM)
            try:
                self.keeper.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                left = self.tree()
                self.keeper.kill()
                for pid in left:
                    kill(pid)
        self.keeper.wait()

    def close(self):
        self.end()
        if self.own_folder:
            shutil.rmtree(self.own_folder, True)


@unittest.skipUnless(os.geteuid() == 0, NEEDS_ROOT)
class ServiceCase(unittest.TestCase):
    """One daemon for all cases of a class; each case's sandboxes are ended after it."""

    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon(*cls.flags)
        cls.addClassCleanup(cls.daemon.close)
        cls.client = cls.daemon.client()

    def setUp(self):
        self.before = self.daemon.pid
        self.addCleanup(self.clean_up)

    def clean_up(self):
        self.assertEqual(self.daemon.pid, self.before, "the daemon was ended: " + read(self.daemon.log_path)[-2000:])
        for item in self.client.list():
            self.client.request("DELETE", "/v1/sandboxes/" + item["id"])

    def assert_error(self, answer, status, code=None):
        """An error as all are: a sentence, a stable code, the request's id."""
        self.assertIn(answer.status, status if isinstance(status, (tuple, range)) else (status,), answer)
        error = answer.json()
        for field in ("error", "code", "request_id"):
            self.assertIsInstance(error.get(field), str, answer)
            self.assertTrue(error[field], answer)
        if code:
            self.assertEqual(error["code"], code, answer)
        return error

    def wait_ended(self, sandbox, reason):
        """Until it has ended for that reason."""
        info = wait_until(lambda: (lambda got: got if got.get("end_reason") else None)(self.client.info(sandbox)))
        self.assertTrue(info, "the sandbox lives on")
        self.assertEqual(info["end_reason"], reason)
        return info

    def in_parallel(self, work, arguments):
        """The results of work(argument), all at once."""
        results, failures = [None] * len(arguments), []

        def run(index):
            try:
                results[index] = work(arguments[index])
            except BaseException as error:  # shown in the test's own thread
                failures.append(error)
        threads = [threading.Thread(target=run, args=(index,)) for index in range(len(arguments))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return results


def program(name, *arguments, daemon, key=None, stdin=b"", **options):
    """`brig NAME …` against that daemon."""
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": "/nonexistent",
                   "BRIG_API_URL": "http://%s:%d" % daemon.address, "BRIG_API_KEY": key or daemon.key}
    return subprocess.run([BRIG, name, *arguments], input=stdin, capture_output=True, timeout=PATIENCE, env=environment, **options)
