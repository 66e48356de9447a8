"""A daemon of a test's own to which requests are made with its first key, unless another is named."""
import os
import signal
import socket

import service
from service import BRIG, Answer  # noqa: F401  (for those who import this one)


class Daemon(service.Daemon):
    @property
    def port(self):
        return self.address[1]

    def with_key(self, key=None):
        """None is the first key, "" is none."""
        return self.client(self.key if key is None else key)

    def request(self, method, path, body=None, headers=None, key=None, host=None):
        host = host or "127.0.0.1:%d" % self.port
        return self.with_key(key).request(method, path, body, {"Host": host, **(headers or {})})

    def local_request(self, method, path, body=None):
        """Through the Unix socket, as the machine's owner."""
        return self.owner().request(method, path, body)

    def new_key(self, **body):
        """The whole answer of POST /v1/keys."""
        return self.make_key(**body)

    def connect(self):
        return service.Connection(self.address)

    def tcp(self):
        return socket.create_connection(self.address, timeout=service.PATIENCE)

    def create(self, key=None, **body):
        return self.with_key(key).create(**body)

    def exec(self, sandbox, cmd, key=None, **more):
        return self.with_key(key).exec(sandbox, cmd, **more)

    def write(self, sandbox, path, contents):
        self.client().expect(200, "PUT", f"/v1/sandboxes/{sandbox}/fs?path={path}", contents)

    def serve(self, sandbox, program, port):
        """Starts a Python server inside and waits until its port listens."""
        path = f"/workspace/server{port}.py"
        self.write(sandbox, path, program)
        self.exec(sandbox, f"exec python3 {path} {port} >/tmp/{port}.log 2>&1", background=True)
        ports = f"/v1/sandboxes/{sandbox}/ports"
        if not service.wait_until(lambda: port in [one["port"] for one in self.client().expect(200, "GET", ports)["ports"]]):
            raise AssertionError(self.exec(sandbox, f"cat /tmp/{port}.log")["stdout"])

    def pids(self):
        """All that are brigd."""
        return [pid for pid in [self.keeper.pid, *service.descendants(self.keeper.pid)] if service.name_of(pid) == "brigd"]

    def kill(self):
        """All of it at once, without a word."""
        pids = self.pids()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        self.keeper.wait(service.PATIENCE)
        if not service.wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids)):
            raise AssertionError("the daemon does not die")
