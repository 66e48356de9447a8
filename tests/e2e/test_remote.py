#!/usr/bin/python3
"""brig run --runtime remote: the sandbox is another Brig's, here one behind TLS on loopback; and servers that are none."""
import json
import os
import resource
import shutil
import signal
import socket
import socketserver
import subprocess
import tempfile
import threading
import unittest

import service
from service import BRIG, PATIENCE, wait_until
from test_service_tls import make_certificate


class Remote(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest(service.NEEDS_ROOT)
        cls.folder = tempfile.mkdtemp(prefix="brig-remote-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.certificate, key = make_certificate(cls.folder, "ours")
        cls.stranger, _ = make_certificate(cls.folder, "strangers")
        cls.daemon = service.Daemon("--tls-cert", cls.certificate, "--tls-key", key)
        cls.addClassCleanup(cls.daemon.close)
        cls.url = "https://127.0.0.1:%d" % cls.daemon.address[1]
        cls.key_file = os.path.join(cls.folder, "key")
        with open(cls.key_file, "w") as file:
            file.write(cls.daemon.key + "\n")
        cls.place = os.path.join(cls.folder, "place")
        os.mkdir(cls.place)

    def start(self, *words, url=None, authority=None, key_file=None):
        environment = {"PATH": os.environ["PATH"], "BRIG_REMOTE_KEY_FILE": key_file or self.key_file, "SSL_CERT_FILE": authority or self.certificate}
        return subprocess.Popen([BRIG, "run", "--runtime", "remote", "--remote-url", url or self.url, *words], env=environment, cwd=self.place,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def brig(self, *words, **options):
        process = self.start(*words, **options)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def report(self, *words):
        done = self.brig("--json", *words)
        return json.loads(done.stdout)

    def sandboxes(self):
        """Those that live, as the other side says it."""
        listed = subprocess.run([BRIG, "sandbox", "ls"], capture_output=True, text=True, timeout=PATIENCE,
                                env={"PATH": os.environ["PATH"], "BRIG_API_URL": self.url, "BRIG_API_KEY": self.daemon.key, "SSL_CERT_FILE": self.certificate})
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return listed.stdout.splitlines()[1:]

    def expect_nothing_left(self):
        self.assertTrue(wait_until(lambda: not self.sandboxes()), self.sandboxes())

    def test_a_program_and_its_verdict(self):
        done = self.brig("-c", "import sys; print(6*7); print('oh', file=sys.stderr); sys.exit(3)")
        self.assertEqual((done.returncode, done.stdout), (3, "42\n"), done.stderr)
        self.assertIn("oh\n", done.stderr)
        self.assertIn("weakness: attestation: said by 127.0.0.1", done.stderr)
        self.expect_nothing_left()

    def test_limits_that_end_it(self):
        self.assertEqual(self.report("--timeout", "1s", "-c", "while True: pass")["status"], "timeout")
        self.assertEqual(self.report("--memory", "64M", "-c", "x = 'a' * 10**9")["status"], "memory_limit")
        self.assertEqual(self.report("-c", "1/0")["error"]["name"], "ZeroDivisionError")
        self.expect_nothing_left()

    def test_the_attestation_says_whose_word_it_is(self):
        about = self.report("-c", "1")["attestation"]
        self.assertEqual(about["runtime"], "remote")
        self.assertEqual(about["remote"], {"host": self.url.removeprefix("https://"), "runtime": "process", "boundary": "shared-kernel"})

    def test_files_go_there_and_come_back(self):
        big = os.urandom(3 << 20)
        with open(os.path.join(self.place, "data.bin"), "wb") as file:
            file.write(big)
        code = "d = open('data.bin', 'rb').read(); print(len(d)); open('copy.bin', 'wb').write(d)"
        done = self.brig("--in", "data.bin", "--out", "results", "-c", code)
        self.assertEqual((done.returncode, done.stdout), (0, "%d\n" % len(big)), done.stderr)
        with open(os.path.join(self.place, "results/copy.bin"), "rb") as file:
            self.assertEqual(file.read(), big)
        self.assertEqual(os.listdir(os.path.join(self.place, "results")), ["copy.bin"])

    def test_a_folder_is_refused(self):
        os.makedirs(os.path.join(self.place, "inside"), exist_ok=True)
        done = self.brig("--in", "inside", "-c", "1")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("copies files", done.stderr)
        self.expect_nothing_left()

    def test_no_weaknesses_is_a_refusal(self):
        done = self.brig("--no-weaknesses", "-c", "print(1)")
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("not seen by this machine", done.stderr)

    def test_whoever_kills_the_local_side_ends_the_sandbox(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                process = self.start("--timeout", "10m", "-c", "import time; print('here', flush=True); time.sleep(600)")
                self.assertEqual(process.stdout.readline(), "here\n")
                self.assertEqual(len(self.sandboxes()), 1)
                relays = [pid for pid in service.children(process.pid) if service.name_of(pid) == "brig-relay"]
                self.assertEqual(len(relays), 1)
                process.send_signal(number)
                process.communicate(timeout=PATIENCE)
                self.expect_nothing_left()
                self.assertTrue(wait_until(lambda: not service.is_alive(relays[0])))

    def test_a_server_that_dies_is_an_error_with_its_name(self):
        other = service.Daemon()
        self.addCleanup(other.close)
        key_file = os.path.join(self.folder, "other")
        with open(key_file, "w") as file:
            file.write(other.key)
        url = "http://127.0.0.1:%d" % other.address[1]
        process = self.start("--timeout", "10m", "-c", "import time; print('here', flush=True); time.sleep(600)", url=url, key_file=key_file)
        self.assertEqual(process.stdout.readline(), "here\n")
        os.kill(other.keeper.pid, signal.SIGKILL)  # and the daemon dies with it
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 125)
        self.assertIn("127.0.0.1:%d" % other.address[1], err)

    def test_the_key_is_in_no_process_list(self):
        process = self.start("-c", "import time; print('here', flush=True); time.sleep(600)")
        self.assertEqual(process.stdout.readline(), "here\n")
        for pid in [process.pid, *service.children(process.pid)]:
            for name in ("cmdline", "environ"):
                self.assertNotIn(self.daemon.key, service.read("/proc/%d/%s" % (pid, name)))
        process.terminate()
        process.communicate(timeout=PATIENCE)

    def test_the_relay_keeps_nothing(self):
        process = self.start("-c", "import time; print('here', flush=True); time.sleep(600)")
        self.assertEqual(process.stdout.readline(), "here\n")
        [relay] = [pid for pid in service.children(process.pid) if service.name_of(pid) == "brig-relay"]
        status = service.read("/proc/%d/status" % relay)
        self.assertRegex(status, r"CapEff:\s+0+\n")
        self.assertRegex(status, r"CapBnd:\s+0+\n")
        self.assertRegex(status, r"NoNewPrivs:\s+1\n")
        process.terminate()
        process.communicate(timeout=PATIENCE)

    def test_an_authority_that_is_not_believed(self):
        done = self.brig("-c", "print(1)", authority=self.stranger)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("certificate verify failed", done.stderr)

    def test_mistakes_are_usage_errors(self):
        for words, url, say in (([], "http://192.0.2.1:2744", "https://"), ([], "nonsense", "http"), (["--remote-key-file", "/nonexistent"], None, "key")):
            done = self.brig(*words, "-c", "1", url=url)
            self.assertIn(done.returncode, (2, 125), done.stderr)
            self.assertIn(say, done.stderr)
            self.assertEqual(done.stdout, "")


class Liar(socketserver.BaseRequestHandler):
    """Answers every request with what the server holds."""

    def handle(self):
        self.request.settimeout(PATIENCE)
        try:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = self.request.recv(65536)
                    if not piece:
                        return
                    head += piece
                self.server.answer(self.request, head)
        except OSError:
            pass


def http(body, status="200 OK"):
    return ("HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (status, len(body))).encode() + body


FORESEEN = http(b'{"weaknesses":[],"may_pause":false}')


def say(*answers):
    """One answer a request, the last for ever."""
    left = list(answers)

    def answer(sock, _):
        sock.sendall(left.pop(0) if len(left) > 1 else left[0])
    return answer


MEMORY_MOST = 128 << 10  # KiB: a program of ours, and what Python was before it became one


def flood(sock, _):
    sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        sock.sendall(b"[" * 65536)


class HostileServers(unittest.TestCase):
    """Whatever answers there: an error that says who it was, before our patience ends, in bounded memory, and nothing is shown."""

    LIES = {
        "no HTTP": say(b"220 smtp.example ESMTP\r\n\r\n"),
        "no JSON": say(http(b"<html>")),
        "other JSON": say(http(b"[]")),
        "deep JSON": say(http(b"[" * 100_000)),
        "wrong types": say(http(b'{"weaknesses":{"a":1},"may_pause":"yes"}')),
        "many weaknesses": say(http(json.dumps({"weaknesses": ["w"] * 10_000, "may_pause": True}).encode())),
        "an endless answer": flood,
        "a redirect": say(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        "an id that is a path": say(FORESEEN, http(b'{"id":"../../v1/keys"}', "201 Created")),
        "a terminal's orders": say(http(b'{"error":"\\u001b]0;owned\\u0007"}', "403 Forbidden")),
        "no WebSocket": say(FORESEEN, http(b'{"id":"abc"}', "201 Created"), http(b"{}")),
        "a WebSocket with another's answer": say(FORESEEN, http(b'{"id":"abc"}', "201 Created"),
                                                 b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n"),
        "silence": lambda *_: None,
        "gone": lambda sock, _: sock.shutdown(socket.SHUT_RDWR),
    }

    def test_lies(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        folder = tempfile.mkdtemp(prefix="brig-remote-")
        self.addCleanup(shutil.rmtree, folder)
        key_file = os.path.join(folder, "key")
        with open(key_file, "w") as file:
            file.write("brig_key")
        for name, answer in self.LIES.items():
            with self.subTest(name), socketserver.ThreadingTCPServer(("127.0.0.1", 0), Liar) as server:
                server.daemon_threads, server.answer = True, answer
                threading.Thread(target=server.serve_forever, daemon=True).start()
                place = "127.0.0.1:%d" % server.server_address[1]
                done = subprocess.run([BRIG, "run", "--runtime", "remote", "--remote-url", "http://" + place, "--remote-key-file", key_file, "-c", "print(1)"],
                                      stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
                server.shutdown()
                self.assertEqual((done.returncode, done.stdout), (125, ""), done.stderr)
                self.assertIn(place, done.stderr)
                self.assertNotIn("\x1b", done.stderr)
                self.assertLess(len(done.stderr), 2000)
        # Of all children that were waited for, the largest: each is far larger than what it may keep of an answer.
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, max(before, MEMORY_MOST))


if __name__ == "__main__":
    unittest.main()
