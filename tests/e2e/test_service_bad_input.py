#!/usr/bin/python3
"""Whatever is sent to the service: an error with a code and a sentence, the same daemon as before, and nothing of it left behind."""
import http.client
import json
import os
import random
import socket
import struct
import time
import unittest

import service
from service import ServiceCase, wait_until

SEED = int(os.environ.get("BRIG_SEED", str(time.time_ns() % 1_000_000)))
ROUNDS = int(os.environ.get("BRIG_BAD_INPUT_ROUNDS", "400"))


class BadInput(ServiceCase):
    """Each case ends with the same daemon, which serves, and with as many descriptors as before."""

    def setUp(self):
        super().setUp()
        self.sandbox = self.client.create()
        self.at = "/v1/sandboxes/" + self.sandbox
        self.client.exec(self.sandbox, "true")
        self.baseline = self.daemon.settled_descriptors()
        self.addCleanup(self.assert_as_before)

    def assert_as_before(self):
        self.assertEqual(self.daemon.pid, self.before)
        self.assertEqual(self.client.exec(self.sandbox, "echo on")["stdout"], "on\n")
        back = wait_until(lambda: self.daemon.settled_descriptors() <= self.baseline, 30)
        self.assertTrue(back, "%d descriptors, before %d" % (service.descriptors(self.daemon.pid), self.baseline))

    def raw(self, data, half_close=False, patience=30):
        """All that comes back until the daemon closes, or stops for that long."""
        with service.connect(self.daemon.address, patience) as sock:
            try:
                sock.sendall(data)
                if half_close:
                    sock.shutdown(socket.SHUT_WR)
                answer = b""
                while piece := sock.recv(1 << 16):
                    answer += piece
                    if not half_close and self.is_whole(answer):
                        break
                return answer
            except (ConnectionError, BrokenPipeError):
                return b""

    @staticmethod
    def is_whole(answer):
        head, separator, body = answer.partition(b"\r\n\r\n")
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return bool(separator) and len(body) >= int(value)
        return False

    def assert_refused(self, answer, *statuses):
        """A raw answer that is an error as all are."""
        self.assertTrue(answer.startswith(b"HTTP/1.1 "), answer[:200])
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        self.assertIn(status, statuses or range(400, 600), answer[:400])
        self.assert_error(service.Answer(status, {}, body), status)

    def head(self, line, *fields):
        return "\r\n".join([line, "Host: x", "Authorization: Bearer " + self.daemon.key, *fields]).encode() + b"\r\n\r\n"

    def test_unknown_routes(self):
        for method, path, status in (
                ("GET", "/", 404), ("GET", "/v1", 404), ("GET", "/v1/", 404), ("GET", "/v9/sandboxes", 404), ("GET", "/v1/sandboxes/", 404), ("GET", "//v1/sandboxes", 404),
                ("GET", "/v1/sandboxes/../keys", (400, 404)), ("GET", "/v1/sandboxes/%2e%2e/keys", (400, 404)), ("GET", "/v1/sandboxes/%", 400), ("GET", "/v1/sandboxes/%zz", 400),
                ("GET", "/v1/sandboxes/%00", (400, 404)), ("GET", "/v1/sandboxes/" + "x" * 5000, 404), ("GET", "/" + "x" * 9000, 414), ("GET", "/v1/sandboxes?%ff=%ff", (200, 400)),
                ("PUT", "/v1/sandboxes", 405), ("DELETE", "/v1/sandboxes", 405), ("BREW", "/v1/sandboxes", (405, 501)), ("get", "/v1/sandboxes", (400, 405, 501)),
                ("POST", self.at, 405), ("GET", self.at + "/none", 404), ("GET", self.at + "/exec", 405), ("PATCH", self.at + "/fs", 405), ("TRACE", "/v1/sandboxes", (405, 501))):
            answer = self.client.request(method, path)
            with self.subTest(method + " " + path[:60]):
                if answer.status != 200 or status == 404:
                    self.assert_error(answer, status)

    def test_unknown_ids(self):
        for sandbox in ("x", "a" * 20, "0" * 20, self.sandbox[:-1], self.sandbox.upper(), self.sandbox + "x", "%0a", "' OR 1=1 --".replace(" ", "%20"), "%F0%9F%98%80"):
            for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/exec"), ("POST", "/pause"), ("GET", "/fs?path=/etc/passwd"), ("GET", "/processes/1"), ("PATCH", "/lifecycle")):
                self.assert_error(self.client.request(method, "/v1/sandboxes/" + sandbox + rest, b"{}" if method in ("POST", "PATCH") else None), (400, 404))
        for process in ("0", "-1", "999999", "x", "99999999999999999999999", "1%2f..", "%00"):
            for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/wait"), ("GET", "/stream"), ("GET", "/output"), ("POST", "/signal"), ("POST", "/stdin"), ("GET", "/attach")):
                self.assert_error(self.client.request(method, self.at + "/processes/" + process + rest, b"{}" if method == "POST" else None), (400, 404))

    BODIES = [b"{", b"[]", b"null", b"1", b"\"x\"", b"{}{}", b"{\"cmd\":}", b"{'cmd': 1}", b"{\"cmd\": \"x\",}", b"\xff\xfe{}", b"{\"cmd\": \"\xff\xfe\"}", b"{\"cmd\": \"\\ud800\"}",
              b"{\"cmd\": NaN}", b"{\"cmd\": Infinity}", b"{\"cmd\": 1e999}", b"{\"cmd\": \"a\", \"cmd\": \"b\"}", b"[" * 100_000, b"{\"a\":" * 50_000, b"{\"cmd\": " + b"[" * 5000 + b"]" * 5000 + b"}",
              b"\0" * 100, b"{\"cmd\": \"a\\u0000b\"}", b"{\"unknown\": 1}", b"{\"" + b"k" * 100_000 + b"\": 1}", b"{\"cmd\": \"x\"} trailing", b"// comment\n{}", b"{\"cmd\": \"\n\"}", b" " * 1000]

    def test_json(self):
        for path in ("/v1/sandboxes", self.at + "/exec", self.at + "/exec/stream", self.at + "/fs/mkdir", self.at + "/fs/move", self.at + "/fs/chmod"):
            for body in self.BODIES:
                if path == "/v1/sandboxes" and not body.strip():
                    continue
                with self.subTest(path=path, body=body[:40]):
                    self.assert_error(self.client.post(path, body), (400, 413, 422))
            self.assert_error(self.client.post(path, b"{\"cmd\": \"" + b"x" * (3 << 20) + b"\"}"), (400, 413))
        self.assertEqual(len(self.client.list()), 1)

    def test_types(self):
        odd = [None, True, -1, 0, 1.5, 1e300, 2 ** 63, 2 ** 64, "", "x", "\0", "x" * 100_000, [], [1], {}, {"a": {}}, [[]]]
        fields = {
            "/v1/sandboxes": ["template", "ttl_seconds", "idle_seconds", "persistent", "metadata", "envs", "env", "limits", "policy", "require", "cpu", "memory_mb", "runtime", "from_snapshot", "volumes"],
            self.at + "/exec": ["cmd", "argv", "cwd", "env", "stdin", "timeout_seconds", "timeout_ms", "background", "terminal", "keep_stdin", "user", "check"],
            self.at + "/fs/mkdir": ["path"], self.at + "/fs/move": ["from", "to"], self.at + "/fs/chmod": ["path", "mode"],
        }
        for path, names in fields.items():
            for name in names:
                for value in odd:
                    body = {"argv": ["true"]} if path.endswith("/exec") and name not in ("cmd", "argv") else {}
                    if path.endswith(("/move", "/chmod")):
                        body = {"from": "/workspace/x", "to": "/workspace/y", "path": "/workspace/x", "mode": "0644"}
                    body[name] = value
                    answer = self.client.post(path, body)
                    with self.subTest(path=path, name=name, value=str(value)[:40]):
                        self.assertNotIn(answer.status, range(500, 501), answer)
                        if answer.status >= 400:
                            self.assert_error(answer, range(400, 502))
                    if answer.status == 201 and path == "/v1/sandboxes":
                        self.client.kill(answer.json()["id"])

    def test_limits_of_limits(self):
        for name in ("memory", "cpus", "pids", "disk", "timeout", "output", "output_total", "open_files", "inodes", "none"):
            for value in (None, -1, 0, 1e18, 1e300, "", "x", "-5M", "1e9", "9999999999999999999T", "0.0000001", True, [], {}):
                answer = self.client.post("/v1/sandboxes", {"limits": {name: value}})
                with self.subTest(name=name, value=str(value)):
                    if answer.status == 201:
                        self.client.kill(answer.json()["id"])
                    else:
                        self.assert_error(answer, (400, 403, 429, 501, 503))

    def test_odd_variables(self):
        for envs in ({"": "x"}, {"A=B": "x"}, {"A\0": "x"}, {"A": "x\0"}, {"A": 1}, ["A"], ["=x"], {"LD_PRELOAD": "/x"}, {"A" * 10_000: "x"}):
            answer = self.client.post(self.at + "/exec", {"cmd": "true", "env": envs})
            if answer.status >= 400:
                self.assert_error(answer, 400)
        answer = self.client.post(self.at + "/exec", {"argv": ["true", *["x" * 1000] * 900]})
        self.assertIn(answer.status, (200, 400, 413), answer)
        answer = self.client.post(self.at + "/exec", {"argv": ["true", "x" * 300_000]})  # longer than one argument may be
        self.assertIn(answer.status, (200, 400, 413), answer)

    def test_heads(self):
        for data, statuses in (
                (b"GET\r\n\r\n", (400,)), (b"GET /\r\n\r\n", (400, 505)), (b"GET / HTTP/9.9\r\n\r\n", (400, 505)), (b"GET / HTTP/1.1 x\r\n\r\n", (400,)), (b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n", (400,)),
                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 100, (400,)), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)), (b"\0" * 1000 + b"\r\n\r\n", (400,)), (b"\xff" * 1000 + b"\r\n\r\n", (400,)),
                (self.head("GET /v1/sandboxes HTTP/1.1", "No colon"), (400,)), (self.head("GET /v1/sandboxes HTTP/1.1", ": x"), (400,)), (self.head("GET /v1/sandboxes HTTP/1.1", "A b: x"), (400,)),
                (self.head("GET /v1/sandboxes HTTP/1.1", "A: x\0y"), (400,)), (self.head("GET /v1/sandboxes HTTP/1.1", "A: x", " folded"), (400,)), (self.head("GET /v1/sandboxes HTTP/1.1", "A: " + "x" * 40_000), (431,)),
                (self.head("GET /v1/sandboxes HTTP/1.1", *["A%d: x" % i for i in range(200)]), (431,)), (self.head("GET /" + "x" * 9000 + " HTTP/1.1"), (414,)), (b"GET /" + b"x" * 100_000, (414, 431)),
                (self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: -1"), (400,)), (self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: x"), (400,)), (self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: 99999999999999999999"), (400, 413)),
                (self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: 2", "Content-Length: 3") + b"{}x", (400,)), (self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: 2", "Transfer-Encoding: chunked") + b"0\r\n\r\n", (400,)),
                (self.head("POST /v1/sandboxes HTTP/1.1", "Transfer-Encoding: gzip"), (400, 501)), (self.head("POST /v1/sandboxes HTTP/1.1", "Transfer-Encoding: chunked") + b"zz\r\n", (400,)),
                (self.head("POST /v1/sandboxes HTTP/1.1", "Transfer-Encoding: chunked") + b"ffffffffffffffffff\r\n", (400, 413)), (self.head("POST /v1/sandboxes HTTP/1.1", "Transfer-Encoding: chunked") + b"2\r\n{}XX", (400,)),
                (self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: 1000000000"), (413,)), (self.head("POST /v1/sandboxes HTTP/1.1", "Expect: 200-maybe", "Content-Length: 2") + b"{}", ()),
                (self.head("GET %s/processes/1/attach HTTP/1.1" % self.at, "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 8", "Sec-WebSocket-Key: x"), (400, 404, 426))):
            with self.subTest(data=data[:80]):
                answer = self.raw(data, half_close=b"\r\n\r\n" not in data)
                if statuses or answer.startswith(b"HTTP/1.1 4"):
                    self.assert_refused(answer, *statuses)

    def test_without_host_and_old(self):
        self.assert_refused(self.raw(("GET /v1/sandboxes HTTP/1.1\r\nX-API-Key: %s\r\n\r\n" % self.daemon.key).encode()), 400)
        answer = self.raw(("GET /v1/sandboxes HTTP/1.0\r\nX-API-Key: %s\r\n\r\n" % self.daemon.key).encode(), half_close=True)
        self.assertIn(b"items", answer)

    def test_smuggling(self):
        """Two requests in one piece are two answers, and neither is taken out of the other's body."""
        both = self.head("POST /v1/sandboxes/x/exec HTTP/1.1", "Content-Length: 50") + b"GET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n".ljust(50, b" ") + self.head("GET /v1/none HTTP/1.1")
        answer = self.raw(both, half_close=True)
        self.assertEqual(answer.count(b"HTTP/1.1 404"), 2, answer)
        self.assertNotIn(b"HTTP/1.1 200", answer)

    def test_keys(self):
        revoked = self.daemon.make_key(label="r")
        self.daemon.owner().expect(204, "DELETE", "/v1/keys/" + revoked["id"])
        expired = self.daemon.make_key(label="e", expires_in_seconds=0.01)
        time.sleep(0.1)
        good = self.daemon.key
        digits = good.partition("_")[2]
        for key in (None, "", "x", "brig_", good[:-1], good + "0", good[:-1] + ("0" if good[-1] != "0" else "1"), good.upper(), "brig_" + "g" * 40, "other_" + digits, "brig_brig_" + digits,
                    "brig_" + "0" * 40, "x" * 10_000, revoked["key"], expired["key"], "' OR 1=1 --"):
            client = self.daemon.client(key)
            for method, path in (("GET", "/v1/sandboxes"), ("POST", "/v1/sandboxes"), ("GET", self.at), ("DELETE", self.at), ("POST", self.at + "/exec"), ("GET", "/v1/me"), ("GET", "/v1/keys"),
                                 ("PUT", self.at + "/fs?path=/tmp/x"), ("GET", self.at + "/processes/1/attach")):
                answer = client.request(method, path, b"{}" if method in ("POST", "PUT") else None)
                self.assert_error(answer, 401, "unauthenticated")
                self.assertIn("WWW-Authenticate", answer.headers)
        for fields in ({"Authorization": "Basic " + good}, {"Authorization": good}, {"Authorization": "Bearer"}, {"X-API-Key": ""}, {"Cookie": "key=" + good}):
            self.assert_error(service.Client(self.daemon.address).get("/v1/sandboxes", headers=fields), 401)
        for prefix in ("pds_", "e2b_", ""):
            self.assertEqual(self.daemon.client(prefix + digits).get("/v1/sandboxes").status, 200)

    def test_half_closed(self):
        for data in (b"", b"GET", b"GET / HTTP/1.1\r\nHo", self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: 100") + b"{\"ttl",
                     self.head("PUT %s/fs?path=/tmp/half HTTP/1.1" % self.at, "Content-Length: 1000000") + b"x" * 1000,
                     self.head("PUT %s/fs?path=/tmp/half HTTP/1.1" % self.at, "Transfer-Encoding: chunked") + b"3e8\r\n" + b"x" * 1000):
            answer = self.raw(data, half_close=True)
            if answer:
                self.assert_refused(answer)
        # A whole request is answered although no more can come. One that takes its time is not waited for by who is gone
        # as far as can be seen; what it started goes on.
        self.assertIn(b"200", self.raw(self.head("GET /v1/sandboxes HTTP/1.1"), half_close=True)[:20])
        body = json.dumps({"cmd": "sleep 0.5; echo waited"}).encode()
        answer = self.raw(self.head("POST %s/exec HTTP/1.1" % self.at, "Content-Length: %d" % len(body)) + body, half_close=True)
        self.assertEqual(answer, b"")
        last = self.at + "/processes/" + self.client.expect(200, "GET", self.at + "/processes")["items"][-1]["id"]
        self.assertEqual(self.client.expect(200, "GET", last + "/wait")["stdout"], "waited\n")

    def test_slow_loris(self):
        """Connections that send a byte now and then are ended, and meanwhile the others are served."""
        slow = [service.connect(self.daemon.address) for _ in range(100)]
        for number, sock in enumerate(slow):
            sock.sendall(b"GET /v1/sandboxes HTTP/1.1\r\nHost: x\r\nX-%d: " % number)
        alive = set(slow)

        def all_ended():
            for sock in list(alive):
                try:
                    sock.setblocking(False)
                    sock.send(b"x")
                    if sock.recv(1 << 16):
                        alive.discard(sock)
                except BlockingIOError:
                    continue
                except OSError:
                    alive.discard(sock)
            self.assertEqual(self.client.exec(self.sandbox, "echo on")["stdout"], "on\n")
            return not alive
        self.assertTrue(wait_until(all_ended, pause=1), "%d live on" % len(alive))
        for sock in slow:
            sock.close()

    def reset(self, sock):
        """Gone at once, without a word."""
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()

    def test_gone_in_the_middle(self):
        self.client.expect(200, "PUT", self.at + "/fs?path=/tmp/big", b"x" * (20 << 20))
        dice = random.Random(SEED)
        for number in range(60):
            sock = service.connect(self.daemon.address)
            kind = number % 6
            if kind == 0:  # an upload
                sock.sendall(self.head("PUT %s/fs?path=/tmp/part HTTP/1.1" % self.at, "Content-Length: 100000000") + b"x" * dice.randint(0, 1 << 20))
            elif kind == 1:  # a download
                sock.sendall(self.head("GET %s/fs?path=/tmp/big HTTP/1.1" % self.at))
                sock.recv(dice.randint(1, 1 << 20))
            elif kind == 2:  # a command that is waited for
                body = b'{"cmd": "sleep 0.2"}'
                sock.sendall(self.head("POST %s/exec HTTP/1.1" % self.at, "Content-Length: %d" % len(body)) + body)
            elif kind == 3:  # a stream
                body = b'{"cmd": "for i in 1 2 3 4 5; do echo $i; sleep 0.05; done"}'
                sock.sendall(self.head("POST %s/exec/stream HTTP/1.1" % self.at, "Content-Length: %d" % len(body)) + body)
                sock.recv(dice.randint(1, 2000))
            elif kind == 4:  # a creation
                sock.sendall(self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: 2") + b"{}")
            else:
                sock.sendall(self.head("POST /v1/sandboxes HTTP/1.1", "Content-Length: 20") + b"{")
            if dice.random() < 0.5:
                self.reset(sock)
            else:
                sock.close()
        self.daemon.settled_descriptors()
        for item in self.client.list():  # those made for somebody who did not wait
            if item["id"] != self.sandbox:
                self.client.kill(item["id"])
        self.assertEqual([item["id"] for item in self.client.list()], [self.sandbox])

    def test_websocket_frames(self):
        process = self.client.start(self.sandbox, ["cat"], keep_stdin=True)
        dice = random.Random(SEED)
        frames = [b"\xff\xff" + b"\xff" * 8, b"\x82\x05hello", b"\x83\x80\0\0\0\0", b"\xc2\x80\0\0\0\0", b"\x80\x80\0\0\0\0", b"\x89\xfe\x00\xff\0\0\0\0" + b"x" * 255, b"\x88\x81\0\0\0\0x", b"\x81\x82\0\0\0\0\xff\xfe",
                  b"\x82\xff" + b"\x7f" + b"\xff" * 7 + b"\0\0\0\0", b"\x09\x80\0\0\0\0", b"\x02\x81\0\0\0\0x\x82\x81\0\0\0\0y", b""]
        texts = [b"{", b"[]", b"null", b"{\"resize\": 5}", b"{\"type\": \"resize\", \"rows\": 0}", b"{\"type\": \"resize\", \"rows\": 1e9, \"cols\": \"x\"}", b"x" * 100_000]
        for frame in frames + [os.urandom(dice.randint(1, 3000)) for _ in range(40)]:
            pipe = self.client.websocket(process + "/attach")
            pipe.sock.sendall(frame)
            try:
                pipe.sock.shutdown(socket.SHUT_WR)
                while pipe.sock.recv(1 << 16):
                    pass
            except OSError:
                pass
            pipe.close()
        for text in texts:
            pipe = self.client.websocket(process + "/attach")
            pipe.send(text, 1)
            pipe.close()
        self.assertTrue(self.client.expect(200, "GET", process)["running"])
        self.client.expect(204, "DELETE", process)
        self.client.expect(200, "GET", process + "/wait")

    def test_random_bytes(self):
        """Good requests with something changed, and noise."""
        dice = random.Random(SEED)
        body = json.dumps({"argv": ["echo", "x"], "env": {"A": "b"}, "timeout_seconds": 5}).encode()
        good = [self.head("GET /v1/sandboxes?limit=5&state=all HTTP/1.1"), self.head("POST %s/exec HTTP/1.1" % self.at, "Content-Type: application/json", "Content-Length: %d" % len(body)) + body,
                self.head("PUT %s/fs?path=/tmp/x HTTP/1.1" % self.at, "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n", self.head("GET %s/fs/dir?path=/ HTTP/1.1" % self.at)]
        for number in range(ROUNDS):
            data = bytearray(dice.choice(good))
            for _ in range(dice.randint(1, 6)):
                at = dice.randrange(len(data))
                act = dice.random()
                if act < 0.4:
                    data[at] = dice.randrange(256)
                elif act < 0.6:
                    del data[at:at + dice.randint(1, 8)]
                elif act < 0.8:
                    data[at:at] = os.urandom(dice.randint(1, 8))
                else:
                    data[at:at] = data[at:at + dice.randint(1, 60)]
            answer = self.raw(bytes(data), half_close=True)
            if answer:
                self.assertTrue(answer.startswith(b"HTTP/1."), (SEED, number, bytes(data), answer[:200]))
                status = int(answer.split()[1])
                self.assertLess(status, 500 if status != 501 and status != 505 else 600, (SEED, number, bytes(data), answer[:400]))

    def test_many_connections(self):
        """Idle ones beyond what there may be are refused; the daemon goes on when they are gone."""
        idle = []
        try:
            for _ in range(900):
                idle.append(service.connect(self.daemon.address))
            self.assertEqual(self.client.exec(self.sandbox, "echo on")["stdout"], "on\n")
        finally:
            for sock in idle:
                sock.close()

    def test_owner_routes(self):
        owner = self.daemon.owner()
        for body in self.BODIES:
            if body.strip():
                self.assert_error(owner.post("/v1/keys", body), (400, 413))
        for body in ({"label": 5}, {"label": "x" * 1000}, {"prefix": "odd"}, {"prefix": "brig_\n"}, {"quota": 5}, {"quota": {"sandboxes": -1}}, {"quota": {"memory": "x"}}, {"quota": {"none": 1}}, {"require": "none"}, {"require": 5},
                     {"runtimes": "x"}, {"runtimes": [5]}, {"templates": []}, {"expires_in_seconds": 0}, {"expires_in_seconds": 1e300}, {"expires_in_seconds": "x"}):
            with self.subTest(body=str(body)[:60]):
                self.assert_error(owner.post("/v1/keys", body), 400)
        for key in ("x", "local", "%00", "a" * 5000):
            self.assert_error(owner.request("DELETE", "/v1/keys/" + key), (400, 403, 404, 409))


if __name__ == "__main__":
    unittest.main()
