#!/usr/bin/python3
"""A service that speaks the E2B API, for tests: the control plane, and in each sandbox as much of envd as files and processes need.

A sandbox is namespaces of its own with the host's root file system below a layer in memory, so that what root does in it is gone with it. Not a wall:
what runs here is Brig's own agent and the tests' own programs. `python3 e2b.py` prints its address and serves until its standard input ends.

Faults for tests, each a mapping from a name to what it says: Service.faults.
"""
import base64
import json
import os
import re
import secrets
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "e2b_" + "0123456789abcdef" * 2 + "01234567"
PORT_OF_ENVD = "49983"

# The first process of a sandbox: a root of its own, then nothing but waiting for who has no parent any more.
MACHINE = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o size=256m,mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd "$1/root"
rm -rf workspace home/user
mount -t tmpfs -o size=128m,mode=1777 tmpfs tmp
mount -t proc proc proc
mount -t tmpfs -o size=64k,mode=755 tmpfs dev
for name in null zero full random urandom tty; do
  touch "dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up 2>/dev/null || true
pivot_root . mnt
umount -l mnt
echo ready
exec cat
"""


class Process:
    """One that envd started, and who hears of it."""

    def __init__(self, sandbox, request):
        config = request["process"]
        words = ["nsenter", "--target", str(sandbox.pid), "--mount", "--pid", "--net", "--ipc", "--uts", "--root", "--",
                 "sh", "-c", 'cd "$0" && exec "$@"', config.get("cwd", "/root"), config["cmd"], *config.get("args", [])]
        takes_input = request.get("stdin", True)
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE if takes_input else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root", **config.get("envs", {})}, bufsize=0)
        self.pid = self.process.pid  # of nsenter: as good a name as any
        self.lock = threading.Lock()

    def events(self):
        """Those of its output, then of its end."""
        ready = threading.Condition()
        queue = []

        def pump(stream, name):
            while True:
                piece = stream.read(32768)
                with ready:
                    while len(queue) > 16:
                        ready.wait()
                    queue.append((name, piece))
                    ready.notify_all()
                if not piece:
                    stream.close()
                    return
        for stream, name in ((self.process.stdout, "stdout"), (self.process.stderr, "stderr")):
            threading.Thread(target=pump, args=(stream, name), daemon=True).start()
        left = 2
        while left:
            with ready:
                while not queue:
                    ready.wait()
                name, piece = queue.pop(0)
                ready.notify_all()
            if piece:
                yield {"data": {name: base64.b64encode(piece).decode()}}
            else:
                left -= 1
        code = self.process.wait()
        if code == 0:
            yield {"end": {"exited": True, "status": "exit status 0"}}
        elif code > 0:
            yield {"end": {"exitCode": code, "exited": True, "status": "exit status %d" % code, "error": "exit status %d" % code}}
        else:
            yield {"end": {"exitCode": -1, "exited": False, "status": "signal: killed", "error": "signal: killed"}}

    def end(self):
        self.process.kill()
        self.process.wait()
        with self.lock:
            if self.process.stdin:
                self.process.stdin.close()


class Sandbox:
    def __init__(self, service, request):
        self.service = service
        self.id = "i" + secrets.token_hex(8)
        self.token = secrets.token_hex(16)
        self.request = request
        self.streams = set()  # sockets of open streams
        self.processes = {}
        self.lock = threading.Lock()
        self.folder = tempfile.mkdtemp(prefix="brig-e2b-")
        self.machine = subprocess.Popen(["unshare", "--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child", "--",
                                         "sh", "-c", MACHINE, "machine", self.folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.machine.stdout.readline() != b"ready\n":
            raise RuntimeError("no machine can be made here")
        with open("/proc/%d/task/%d/children" % (self.machine.pid, self.machine.pid)) as file:
            self.pid = int(file.read().split()[0])
        self.set_timeout(request.get("timeout", 15))

    def set_timeout(self, seconds):
        self.deadline = time.monotonic() + max(0, seconds)

    def end(self):
        """Every stream in the middle, and then everything in it: nobody hears how that went."""
        with self.lock:
            for stream in self.streams:
                try:
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    stream.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.machine.kill()
        self.machine.wait()
        self.machine.stdin.close()
        self.machine.stdout.close()
        for process in list(self.processes.values()):
            process.end()
        os.rmdir(self.folder)

    def details(self):
        return {"sandboxID": self.id, "templateID": self.request["templateID"], "clientID": "local", "state": "running", "startedAt": "2026-01-01T00:00:00Z",
                "endAt": "2026-01-01T00:00:00Z", "cpuCount": 2, "memoryMB": 512, "diskSizeMB": 1024, "envdVersion": "0.6.4",
                "metadata": self.request.get("metadata", {}), "allowInternetAccess": self.service.faults.get("online", self.request.get("allow_internet_access", True))}


class Service:
    """On a port of its own; with `with` it surely ends."""

    def __init__(self, certificate=None, **faults):
        self.faults = faults
        self.sandboxes = {}
        self.lock = threading.Lock()
        self.seen = []  # (method, path) of every request
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"service": self}))
        self.server.daemon_threads = True
        if certificate:  # and its key: two files
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = "127.0.0.1:%d" % self.server.server_address[1]
        self.url = ("https://" if certificate else "http://") + self.address
        self.is_over = threading.Event()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        threading.Thread(target=self.expire, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()
        for sandbox in list(self.sandboxes):
            self.remove(sandbox)

    def expire(self):
        while not self.is_over.wait(0.05):
            now = time.monotonic()
            for sandbox in list(self.sandboxes.values()):
                if sandbox.deadline <= now:
                    self.remove(sandbox.id)

    def remove(self, name):
        with self.lock:
            sandbox = self.sandboxes.pop(name, None)
        if sandbox is not None:
            sandbox.end()
        return sandbox is not None


class Refused(Exception):
    def __init__(self, status, message, code=None):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code or status


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    service = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.handle_it()

    do_POST = do_DELETE = do_GET

    def handle_it(self):
        length = int(self.headers.get("Content-Length", 0))
        self.body = self.rfile.read(length)
        self.service.seen.append((self.command, self.path))
        try:
            if "E2b-Sandbox-Id" in self.headers:
                self.envd()
            else:
                self.api()
        except Refused as refused:
            self.answer(refused.status, {"code": refused.code, "message": refused.message})
        except OSError:
            self.close_connection = True  # whoever asked is gone

    def answer(self, status, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if body:
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    # ---- the control plane

    def api(self):
        if self.headers.get("X-API-KEY") != KEY:
            raise Refused(401, "Invalid API key")
        path = urllib.parse.urlsplit(self.path).path
        if (self.command, path) in (("POST", "/sandboxes"), ("POST", "/v2/sandboxes")):
            return self.create()
        if (self.command, path) == ("GET", "/v2/sandboxes"):
            return self.answer(200, [sandbox.details() for sandbox in list(self.service.sandboxes.values())])
        one = re.fullmatch(r"/sandboxes/([a-z0-9-]+)(/timeout)?", path)
        if one is None:
            raise Refused(404, "no such path")
        if self.command == "DELETE" and not one[2]:
            if not self.service.remove(one[1]):
                raise Refused(404, "sandbox %s was not found" % one[1])
            return self.answer(204)
        sandbox = self.service.sandboxes.get(one[1])
        if sandbox is None:
            raise Refused(404, "sandbox %s was not found" % one[1])
        if self.command == "POST" and one[2]:
            sandbox.set_timeout(json.loads(self.body)["timeout"])
            return self.answer(204)
        return self.answer(200, sandbox.details())

    def create(self):
        request = json.loads(self.body)
        if request["templateID"] not in ("base", "other"):
            raise Refused(404, "template '%s' not found" % request["templateID"])
        sandbox = Sandbox(self.service, request)
        with self.service.lock:
            self.service.sandboxes[sandbox.id] = sandbox
        made = {"sandboxID": sandbox.id, "templateID": request["templateID"], "clientID": "local", "envdVersion": "0.6.4", "domain": None}
        if request.get("secure"):
            made["envdAccessToken"] = sandbox.token
        self.answer(201, {**made, **self.service.faults.get("made", {})})

    # ---- envd

    def envd(self):
        name = self.headers["E2b-Sandbox-Id"]
        sandbox = self.service.sandboxes.get(name)
        if self.headers.get("E2b-Sandbox-Port") != PORT_OF_ENVD:
            raise Refused(400, "no such port")
        if sandbox is None:
            return self.answer(502, {"sandboxId": name, "message": "The sandbox was not found", "code": 502})
        if self.headers.get("X-Access-Token") != sandbox.token:
            raise Refused(401, "unauthorized access, please provide a valid access token or method signing if supported")
        target = urllib.parse.urlsplit(self.path)
        if (self.command, target.path) == ("POST", "/files"):
            return self.upload(sandbox, dict(urllib.parse.parse_qsl(target.query)))
        if self.headers.get("Connect-Protocol-Version") != "1":
            raise Refused(400, "no Connect")
        if target.path == "/process.Process/Start":
            return self.start(sandbox)
        if target.path == "/process.Process/SendInput":
            return self.send_input(sandbox)
        raise Refused(404, "unimplemented", "unimplemented")

    def upload(self, sandbox, query):
        boundary = re.fullmatch(r"multipart/form-data; boundary=(\S+)", self.headers["Content-Type"])[1].encode()
        first, part, rest = self.body.split(b"--" + boundary)
        head, _, content = part.partition(b"\r\n\r\n")
        if first or rest.strip() != b"--" or b'name="file"' not in head or not content.endswith(b"\r\n"):
            raise Refused(400, "no form")
        path = "/proc/%d/root" % sandbox.pid + query["path"]
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with open(descriptor, "wb") as file:
            file.write(self.service.faults.get("program", content[:-2]))
        self.answer(200, [{"name": os.path.basename(query["path"]), "path": query["path"], "type": "file"}])

    def send_envelope(self, flags, value):
        payload = json.dumps(value).encode()
        envelope = struct.pack(">BI", flags, len(payload)) + payload
        self.wfile.write(b"%x\r\n%s\r\n" % (len(envelope), envelope))
        self.wfile.flush()

    def start(self, sandbox):
        flags, length = struct.unpack(">BI", self.body[:5])
        if self.headers["Content-Type"] != "application/connect+json" or flags != 0 or length != len(self.body) - 5:
            raise Refused(415, "no envelope")
        user = base64.b64decode(self.headers["Authorization"].removeprefix("Basic ")).decode()
        if user != "root:":
            raise Refused(401, "invalid username: '%s'" % user, "unauthenticated")
        with sandbox.lock:
            sandbox.streams.add(self.connection)
        process = Process(sandbox, json.loads(self.body[5:]))
        sandbox.processes[process.pid] = process
        self.send_response(200)
        self.send_header("Content-Type", "application/connect+json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        try:
            self.send_envelope(0, {"event": {"start": {"pid": process.pid}}})
            self.send_envelope(0, {"event": {"keepalive": {}}})
            for event in process.events():
                self.send_envelope(0, {"event": event})
            if sandbox.id in self.service.sandboxes:  # else it is cut off, as by a service that ends a sandbox
                self.send_envelope(2, {})
                self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass  # a process goes on without who started it
        with sandbox.lock:
            sandbox.streams.discard(self.connection)

    def send_input(self, sandbox):
        request = json.loads(self.body)
        process = sandbox.processes.get(request["process"]["pid"])
        if process is None:
            raise Refused(404, "process with pid %s not found" % request["process"]["pid"], "not_found")
        bytes_ = base64.b64decode(request["input"]["stdin"], validate=True)
        try:
            with process.lock:
                while bytes_:
                    bytes_ = bytes_[process.process.stdin.write(bytes_):]
        except (OSError, ValueError):
            raise Refused(400, "stdin is closed", "failed_precondition")
        self.answer(200, {})


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    with Service() as service:
        print(service.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
