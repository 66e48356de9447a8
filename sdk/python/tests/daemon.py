"""A real daemon for the tests, on a free port with a state folder of its own; and a proxy that cuts connections."""

import json
import os
import re
import select
import socket
import subprocess
import tempfile
import threading
import time

BRIG = os.environ.get("BRIG", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../build/dev/bin/brig"))
PATIENCE = 30
WHY_NOT = None if os.geteuid() == 0 else "needs root: makes sandboxes as the installed daemon does"


class Daemon:
    """`brig serve`. `url`, `key` and `socket` say how to reach it."""

    def __init__(self, *arguments):
        self.folder = tempfile.TemporaryDirectory(prefix="brig-sdk-")
        self.log = open(os.path.join(self.folder.name, "log"), "w+")
        state = os.path.join(self.folder.name, "state")
        self.socket = os.path.join(state, "brigd.sock")
        os.chmod(self.folder.name, 0o755)
        self.process = subprocess.Popen(
            [BRIG, "serve", "--listen", "127.0.0.1:0", "--state-dir", state, *arguments], stdout=subprocess.PIPE, stderr=self.log
        )
        self.key = self._first_key()
        self.url = "http://" + self._address()

    def _first_key(self):
        text, give_up = "", time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            if select.select([self.process.stdout], [], [], 0.2)[0]:
                piece = os.read(self.process.stdout.fileno(), 4096).decode()
                if not piece:
                    break
                text += piece
            if found := re.search(r"BRIG_API_KEY=(\S+)\n", text):
                return found.group(1)
        raise AssertionError("brig serve showed no key: " + text + self.said())

    def _address(self):
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            for line in self.said().splitlines():
                event = json.loads(line) if line.startswith("{") else {}
                if event.get("event") == "daemon.listening" and not event["at"].startswith("unix:"):
                    return event["at"]
            time.sleep(0.02)
        raise AssertionError("brig serve does not listen: " + self.said())

    def said(self):
        with open(self.log.name) as log:
            return log.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.log.close()
        self.folder.cleanup()


class CuttingProxy:
    """Passes bytes on. While `cut_after` is a number, a connection that carries a stream is cut when so many bytes of its answer passed.
    The answer to the next request that begins with `swallow` is lost, and the connection with it.
    """

    def __init__(self, url):
        host, port = url[len("http://") :].split(":")
        self.target = (host, int(port))
        self.cut_after = None
        self.swallow = None
        self.cuts = 0
        self.answered = 0  #: pieces that the daemon has sent
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = "http://127.0.0.1:%d" % self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self.target)
            self.sockets += [client, server]
            threading.Thread(target=self._pump, args=(client, server), daemon=True).start()

    def _pump(self, client, server):
        passed, is_stream, is_lost = 0, False, False
        try:
            while True:
                for ready in select.select([client, server], [], [])[0]:
                    data = ready.recv(4096)
                    if not data:
                        return
                    if ready is client:
                        is_stream = is_stream or b"/stream" in data.split(b"\r\n")[0]
                        if self.swallow is not None and data.startswith(self.swallow):
                            self.swallow, is_lost = None, True
                        server.sendall(data)
                        continue
                    if is_lost:
                        self.cuts += 1
                        return
                    passed += len(data)
                    client.sendall(data)
                    self.answered += 1
                    if is_stream and self.cut_after is not None and passed > self.cut_after:
                        self.cuts += 1
                        return
        except (OSError, ValueError):  # closed, here or there
            pass
        finally:
            for one in (client, server):
                try:
                    one.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                one.close()

    def cut_all(self):
        """Every connection there is now."""
        sockets, self.sockets = self.sockets, []
        self.cuts += len(sockets) // 2
        for one in sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()
        for one in self.sockets:
            one.close()
