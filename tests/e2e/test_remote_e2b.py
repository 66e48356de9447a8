#!/usr/bin/python3
"""brig run --runtime remote over a service that speaks the E2B API, here one on loopback (e2b.py); and services that lie."""
import json
import os
import resource
import shutil
import signal
import socketserver
import struct
import subprocess
import tempfile
import threading
import unittest

import e2b
import service
from service import BRIG, PATIENCE, wait_until
from test_remote import MEMORY_MOST, Liar, flood, http, say
from test_service_tls import make_certificate

SLEEP = "import time; print('here', flush=True); time.sleep(600)"


class Place(unittest.TestCase):
    """A folder with a key, and brig run in it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="brig-remote-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.key_file = os.path.join(cls.folder, "key")
        with open(cls.key_file, "w") as file:
            file.write(e2b.KEY + "\n")
        cls.place = os.path.join(cls.folder, "place")
        os.mkdir(cls.place)

    def start(self, url, *words):
        authority = {"SSL_CERT_FILE": os.environ["SSL_CERT_FILE"]} if "SSL_CERT_FILE" in os.environ else {}
        environment = {**authority, "PATH": os.environ["PATH"], "BRIG_REMOTE_URL": "e2b+" + url, "BRIG_REMOTE_KEY_FILE": self.key_file, "BRIG_REMOTE_SANDBOX_URL": url}
        return subprocess.Popen([BRIG, "run", "--runtime", "remote", *words], env=environment, cwd=self.place,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def brig(self, url, *words):
        process = self.start(url, *words)
        out, err = process.communicate(timeout=PATIENCE)
        return subprocess.CompletedProcess(words, process.returncode, out, err)


class RemoteE2b(Place):
    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root: the service makes namespaces")
        super().setUpClass()
        cls.service = e2b.Service()
        cls.addClassCleanup(cls.service.close)

    def run_there(self, *words):
        return self.brig(self.service.url, *words)

    def report(self, *words):
        return json.loads(self.run_there("--json", *words).stdout)

    def expect_nothing_left(self, there=None):
        there = there or self.service
        self.assertTrue(wait_until(lambda: not there.sandboxes), there.sandboxes)

    def test_a_program_and_its_verdict(self):
        done = self.run_there("-c", "import sys; print(6*7); print('oh', file=sys.stderr); sys.exit(3)")
        self.assertEqual((done.returncode, done.stdout), (3, "42\n"), done.stderr)
        self.assertIn("oh\n", done.stderr)
        self.assertIn("weakness: attestation: said by 127.0.0.1", done.stderr)
        self.assertIn("weakness: network: 127.0.0.1", done.stderr)
        self.expect_nothing_left()

    def test_it_is_asked_for_no_network(self):
        with e2b.Service() as other:
            process = self.start(other.url, "--timeout", "10m", "-c", SLEEP)
            self.assertEqual(process.stdout.readline(), "here\n")
            [sandbox] = other.sandboxes.values()
            self.assertIs(sandbox.request["allow_internet_access"], False)
            self.assertLessEqual(sandbox.request["timeout"], 60)
            process.terminate()
            process.communicate(timeout=PATIENCE)

    def test_limits_that_end_it(self):
        self.assertEqual(self.report("--timeout", "1s", "-c", "while True: pass")["status"], "timeout")
        self.assertEqual(self.report("-c", "1/0")["error"]["name"], "ZeroDivisionError")
        self.assertEqual(self.report("--memory", "64M", "-c", "x = 'a' * 10**9")["error"]["name"], "MemoryError")
        self.assertGreater(self.report("--output", "1K", "-c", "print('x' * 100_000)")["stdout_elided"], 90_000)
        self.expect_nothing_left()

    def test_the_attestation_says_whose_word_it_is(self):
        about = self.report("-c", "1")["attestation"]
        self.assertEqual(about["runtime"], "remote")
        self.assertEqual(about["remote"], {"host": self.service.address, "runtime": "e2b", "boundary": "not said"})
        self.assertTrue(about["kernel"].startswith("Linux "))

    def test_files_go_there_and_come_back(self):
        big = os.urandom(3 << 20)
        with open(os.path.join(self.place, "data.bin"), "wb") as file:
            file.write(big)
        code = "d = open('data.bin', 'rb').read(); print(len(d)); open('copy.bin', 'wb').write(d)"
        done = self.run_there("--in", "data.bin", "--out", "results", "-c", code)
        self.assertEqual((done.returncode, done.stdout), (0, "%d\n" % len(big)), done.stderr)
        with open(os.path.join(self.place, "results/copy.bin"), "rb") as file:
            self.assertEqual(file.read(), big)

    def test_refusals(self):
        for words, say_ in ((["--no-weaknesses"], "not seen by this machine"), (["--require", "hardware"], "does not say what walls"),
                            (["--in", "."], "copies files"), (["--remote-template", "nonsense"], "template 'nonsense' not found")):
            with self.subTest(words):
                done = self.run_there(*words, "-c", "print(1)")
                self.assertEqual((done.returncode, done.stdout), (125, ""), done.stderr)
                self.assertIn(say_, done.stderr)
        self.expect_nothing_left()

    def test_over_tls(self):
        certificate = make_certificate(self.folder, "ours")
        stranger, _ = make_certificate(self.folder, "strangers")
        with e2b.Service(certificate=certificate) as other:
            os.environ["SSL_CERT_FILE"] = stranger
            self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
            done = self.brig(other.url, "-c", "print(1)")
            self.assertEqual((done.returncode, done.stdout), (125, ""))
            self.assertIn("certificate verify failed", done.stderr)
            self.assertEqual(other.seen, [])
            os.environ["SSL_CERT_FILE"] = certificate[0]
            done = self.brig(other.url, "-c", "print('y' * 1_000_000)")
            self.assertEqual((done.returncode, len(done.stdout)), (0, 1_000_001), done.stderr)
            self.expect_nothing_left(other)

    def test_another_template(self):
        done = self.run_there("--remote-template", "other", "-c", "print(1)")
        self.assertEqual((done.returncode, done.stdout), (0, "1\n"), done.stderr)

    def test_whoever_kills_the_local_side_ends_the_sandbox(self):
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            with self.subTest(number.name):
                process = self.start(self.service.url, "--timeout", "10m", "-c", SLEEP)
                self.assertEqual(process.stdout.readline(), "here\n")
                self.assertEqual(len(self.service.sandboxes), 1)
                mine = [pid for pid in service.children(process.pid) if service.name_of(pid).startswith("brig-")]
                self.assertEqual(sorted(service.name_of(pid) for pid in mine), ["brig-lease", "brig-relay"])
                process.send_signal(number)
                process.communicate(timeout=PATIENCE)
                self.expect_nothing_left()
                self.assertTrue(wait_until(lambda: not any(service.is_alive(pid) for pid in mine)))

    def test_helpers_keep_nothing(self):
        process = self.start(self.service.url, "--timeout", "10m", "-c", SLEEP)
        self.assertEqual(process.stdout.readline(), "here\n")
        for pid in service.children(process.pid):
            status = service.read("/proc/%d/status" % pid)
            for line in (r"CapEff:\s+0+\n", r"CapBnd:\s+0+\n", r"NoNewPrivs:\s+1\n"):
                self.assertRegex(status, line)
            for name in ("cmdline", "environ"):
                self.assertNotIn(e2b.KEY, service.read("/proc/%d/%s" % (pid, name)))
        process.terminate()
        process.communicate(timeout=PATIENCE)

    def test_a_service_that_vanishes(self):
        script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2b.py")
        other = subprocess.Popen(["/usr/bin/python3", "-B", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                 env={**os.environ, "TMPDIR": self.folder})
        url = other.stdout.readline().strip()
        process = self.start(url, "--timeout", "10m", "-c", SLEEP)
        self.assertEqual(process.stdout.readline(), "here\n")
        other.kill()
        other.communicate()
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 125)
        self.assertIn(url.removeprefix("http://"), err)

    def test_a_sandbox_that_is_ended_over_there(self):
        process = self.start(self.service.url, "--timeout", "10m", "-c", SLEEP)
        self.assertEqual(process.stdout.readline(), "here\n")
        for name in list(self.service.sandboxes):
            self.service.remove(name)
        _, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 125)
        self.assertIn("ended the sandbox", err)

    def test_a_service_that_gives_the_internet_anyway(self):
        with e2b.Service(online=True) as other:
            done = self.brig(other.url, "-c", "print(1)")
            self.assertEqual((done.returncode, done.stdout), (125, ""))
            self.assertIn("allow_internet_access", done.stderr)
            self.expect_nothing_left(other)

    def test_a_sandbox_in_which_the_agent_cannot_run(self):
        for program, say_ in ((b"\x7fELF nonsense", "brig-init does not run there"), (b"#!/bin/sh\necho hello; cat\n", "is not brig-init: hello"),
                              (b"#!/bin/sh\nprintf 'oh \\033[31m' >&2; exit 7\n", "exit status 7 (oh \\x1b[31m)")):
            with self.subTest(say_), e2b.Service(program=program) as other:
                done = self.brig(other.url, "-c", "print(1)")
                self.assertEqual((done.returncode, done.stdout), (125, ""))
                self.assertIn(say_, done.stderr)
                self.expect_nothing_left(other)


def envelope(value, flags=0):
    payload = value if isinstance(value, bytes) else json.dumps(value).encode()
    return struct.pack(">BI", flags, len(payload)) + payload


def stream(*pieces):
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/connect+json\r\n\r\n" + b"".join(pieces)


MADE = http(b'{"sandboxID":"abc","envdAccessToken":"t"}', "201 Created")
PATHS = {b"POST /sandboxes ": MADE, b"GET /sandboxes/abc ": http(b'{"allowInternetAccess":false}'), b"DELETE /sandboxes/abc ": b"HTTP/1.1 204 No Content\r\n\r\n",
         b"POST /sandboxes/abc/timeout": b"HTTP/1.1 204 No Content\r\n\r\n", b"POST /files": http(b"[]")}
STARTED = envelope({"event": {"start": {"pid": 7}}})


def act(**changed):
    """A service that answers by path; `changed` by the first word of the path that is not "sandboxes"."""
    answers = dict(PATHS)
    for name, answer in changed.items():
        [path] = [path for path in (*PATHS, b"POST /process.Process/Start") if {"made": b"POST /sandboxes ", "details": b"GET /sandboxes/abc ", "files": b"POST /files",
                                                                              "start": b"POST /process.Process/Start"}[name] == path]
        answers[path] = answer

    def reply(sock, head):
        head, _, body = head.partition(b"\r\n\r\n")
        length = [int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        left = (length[0] if length else 0) - len(body)
        while left > 0:
            left -= len(sock.recv(65536))
        for path, answer in answers.items():
            if head.startswith(path):
                if callable(answer):
                    return answer(sock, head)
                sock.sendall(answer)
                if answer.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: application/connect"):
                    sock.close()
                return
        sock.sendall(http(b'{"code":404,"message":"no such path"}', "404 Not Found"))
    return reply


class HostileE2b(Place):
    """Whatever answers there: an error that says who it was, before our patience ends, in bounded memory, and nothing is shown."""

    LIES = {
        "no HTTP": say(b"220 smtp.example ESMTP\r\n\r\n"),
        "no JSON": say(http(b"<html>", "201 Created")),
        "an endless answer": flood,
        "an id that is a path": act(made=http(b'{"sandboxID":"../../x"}', "201 Created")),
        "a token with lines": act(made=http(b'{"sandboxID":"abc","envdAccessToken":"x\\r\\nY: z"}', "201 Created")),
        "a domain that is a URL": act(made=http(b'{"sandboxID":"abc","domain":"evil/../x@y"}', "201 Created")),
        "a terminal's orders": act(made=http(b'{"code":403,"message":"\\u001b]0;owned\\u0007"}', "403 Forbidden")),
        "no word of the internet": act(details=http(b"{}")),
        "no token": act(made=http(b'{"sandboxID":"abc"}', "201 Created")),
        "other details": act(details=http(b'{"allowInternetAccess":"maybe"}')),
        "a redirect of the file": act(files=b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        "no process": act(start=http(b'{"code":"unauthenticated","message":"invalid username"}', "401 Unauthorized")),
        "no envelope": act(start=stream(b"<html>" * 1000)),
        "an endless envelope": act(start=stream(struct.pack(">BI", 0, 0xffffffff), b"x" * 1_000_000)),
        "a compressed envelope": act(start=stream(envelope({}, 1))),
        "no event": act(start=stream(envelope(b"[]"))),
        "no pid": act(start=stream(envelope({"event": {"start": {"pid": -1}}}))),
        "output before the start": act(start=stream(envelope({"event": {"data": {"stdout": "YnJpZy1hZ2VudCAxIExpbnV4Cg=="}}}))),
        "no base64": act(start=stream(STARTED, envelope({"event": {"data": {"stdout": "!"}}}))),
        "another program": act(start=stream(STARTED, envelope({"event": {"data": {"stdout": "aGVsbG8K"}}}))),
        "a greeting without end": act(start=stream(STARTED, *[envelope({"event": {"data": {"stdout": "eHh4" * 1000}}})] * 50)),
        "an end at once": act(start=stream(STARTED, envelope({"event": {"end": {"status": "exit status 1"}}}))),
        "an end of the stream": act(start=stream(envelope({"error": {"code": "internal", "message": "\x1b[31m"}}, 2))),
        "a stream that breaks off": act(start=stream(STARTED, b"\0\0\0\1")),
        "gone": act(start=lambda sock, _: sock.close()),
    }

    def test_lies(self):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        for name, answer in self.LIES.items():
            with self.subTest(name), socketserver.ThreadingTCPServer(("127.0.0.1", 0), Liar) as server:
                server.daemon_threads, server.answer = True, answer
                threading.Thread(target=server.serve_forever, daemon=True).start()
                place = "127.0.0.1:%d" % server.server_address[1]
                done = self.brig("http://" + place, "-c", "print(1)")
                server.shutdown()
                self.assertEqual((done.returncode, done.stdout), (125, ""), done.stderr)
                self.assertIn(place, done.stderr)
                self.assertNotIn("\x1b", done.stderr)
                self.assertLess(len(done.stderr), 4000)
        # Of all children that were waited for, the largest: each is far larger than what it may keep of an answer.
        self.assertLess(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, max(before, MEMORY_MOST))

    def test_a_service_that_speaks_no_guest_protocol(self):
        greeting = envelope({"event": {"data": {"stdout": "YnJpZy1hZ2VudCAxIExpbnV4IDYK"}}})
        noise = envelope({"event": {"data": {"stdout": "eHh4" * 5000}}})
        answer = act(start=stream(STARTED, greeting, *[noise] * 20))
        with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Liar) as server:
            server.daemon_threads, server.answer = True, answer
            threading.Thread(target=server.serve_forever, daemon=True).start()
            done = self.brig("http://127.0.0.1:%d" % server.server_address[1], "-c", "print(1)")
            server.shutdown()
        self.assertEqual((done.returncode, done.stdout), (126, ""), done.stderr)
        self.assertIn("the guest broke the protocol", done.stderr)

    def test_mistakes_are_usage_errors(self):
        for url, say_ in (("http://192.0.2.1:2744", "https://"), ("nonsense", "http"), ("ftp://x", "http")):
            done = self.brig(url, "-c", "1")
            self.assertIn(done.returncode, (2, 125), done.stderr)
            self.assertIn(say_, done.stderr)
            self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
