"""Servers inside sandboxes, reached from outside: by path, by host name, with a key, with a preview."""

import base64
import hashlib
import json
import os
import pathlib
import re
import socket
import struct
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from daemon import Daemon  # noqa: E402

# An HTTP server that tells what it was asked, echoes bodies while they come, streams, and speaks WebSocket.
GOOD = r'''
import base64, hashlib, json, socket, struct, sys, threading, time

def handle(s):
    f = s.makefile("rb")
    line = f.readline().decode().split()
    if len(line) != 3: return
    method, target, _ = line
    headers = []
    while (h := f.readline().decode().rstrip("\r\n")):
        headers.append(h.split(": ", 1))
    low = {k.lower(): v for k, v in headers}
    def body():
        if low.get("transfer-encoding") == "chunked":
            while (n := int(f.readline(), 16)):
                yield f.read(n); f.read(2)
            f.readline()
        else:
            left = int(low.get("content-length", 0))
            while left:
                piece = f.read1(min(left, 65536)); left -= len(piece); yield piece
    def head(status, *more):
        s.sendall((f"HTTP/1.1 {status}\r\n" + "".join(m + "\r\n" for m in more) + "\r\n").encode())
    if target.startswith("/ws"):
        accept = base64.b64encode(hashlib.sha1((low["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        head("101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: " + accept)
        while True:
            b = f.read(2)
            if len(b) < 2: return
            n = b[1] & 127
            if n == 126: n = struct.unpack(">H", f.read(2))[0]
            mask = f.read(4); data = bytes(c ^ mask[i % 4] for i, c in enumerate(f.read(n)))
            s.sendall(bytes([b[0], n]) + data if n < 126 else bytes([b[0], 126]) + struct.pack(">H", n) + data)
            if b[0] & 15 == 8: return
    elif target.startswith("/echo"):
        head("200 OK", "Connection: close")
        for piece in body(): s.sendall(piece)
    elif target.startswith("/swallow"):
        total = sum(len(p) for p in body())
        t = str(total).encode(); head("200 OK", f"Content-Length: {len(t)}"); s.sendall(t)
    elif target.startswith("/big"):
        n = int(target.rsplit("/", 1)[1]); head("200 OK", f"Content-Length: {n}")
        while n: s.sendall(b"x" * min(n, 65536)); n -= min(n, 65536)
    elif target.startswith("/events"):
        head("200 OK", "Content-Type: text/event-stream")
        s.sendall(b"data: one\n\n"); line = s.recv(1)
    elif target.startswith("/refuse"):
        head("413 Too Large", "Content-Length: 2", "Connection: close"); s.sendall(b"no"); s.shutdown(1); s.recv(1)
    elif target.startswith("/cookies"):
        head("200 OK", "Set-Cookie: a=1; Domain=localhost; Path=/", "Set-Cookie: brig_preview=evil; Path=/",
             "Clear-Site-Data: *", "Service-Worker-Allowed: /", "Strict-Transport-Security: max-age=1", "Keep-Alive: x",
             "X-Request-Id: theirs", "Connection: close, X-Hop", "X-Hop: 1", "Location: /elsewhere", "Content-Length: 0")
    else:
        text = json.dumps({"method": method, "target": target, "headers": headers, "body": b"".join(body()).decode()}).encode()
        head("200 OK", "Content-Type: application/json", f"Content-Length: {len(text)}")
        if method != "HEAD": s.sendall(text)

def run(s):
    try: handle(s)
    finally: s.close()

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    threading.Thread(target=run, args=(listener.accept()[0],), daemon=True).start()
'''

# Answers every request with raw bytes chosen by its target, and hangs up.
HOSTILE = r'''
import socket, sys, threading
ANSWERS = {
  "/garbage": b"\x00\xff\x16\x03 not http at all\r\n\r\n",
  "/lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
  "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this",
  "/negative": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
  "/two": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
  "/both": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  "/chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nZZ\r\n",
  "/extra": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
  "/split": b"HTTP/1.1 200 OK\r\nX-A: a\rX-Evil: 1\r\nContent-Length: 0\r\n\r\n",
  "/close": b"",
  "/upgrade": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
  "/status": b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n",
}
def run(s):
    try:
        data = b""
        while b"\r\n\r\n" not in data: data += s.recv(65536)
        target = data.split(b" ")[1].decode()
        if target == "/endless":
            s.sendall(b"HTTP/1.1 200 OK\r\n")
            while True: s.sendall(b"X-A: " + b"a" * 1000 + b"\r\n")
        if target == "/line":
            while True: s.sendall(b"HTTP/1.1 200 " + b"a" * 10000)
        if target == "/hundred":
            for _ in range(1000): s.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        s.sendall(ANSWERS.get(target, b""))
    except OSError: pass
    finally: s.close()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64)
while True:
    threading.Thread(target=run, args=(listener.accept()[0],), daemon=True).start()
'''


def read_head(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        piece = stream.recv(65536)
        assert piece, data
        data += piece
    head, rest = data.split(b"\r\n\r\n", 1)
    return head.decode(), rest


def open_descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


class Ports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--pool", "1")
        cls.box = cls.daemon.create()
        cls.daemon.serve(cls.box, GOOD, 8000)
        cls.daemon.serve(cls.box, HOSTILE, 8001)

    @classmethod
    def tearDownClass(cls):
        cls.daemon.close()

    def path(self, rest="", port=8000):
        return f"/v1/sandboxes/{self.box}/ports/{port}{rest}"

    def host(self, port=8000, domain="localhost"):
        return f"{port}-{self.box}.{domain}:{self.daemon.port}"

    def preview(self, seconds=60, port=8000):
        answer = self.daemon.request("POST", self.path("/preview", port), {"expires_in_seconds": seconds})
        self.assertEqual(answer.status, 201, answer.body)
        return answer.json()

    def status(self):
        return self.daemon.request("GET", f"/v1/sandboxes/{self.box}").json()["status"]

    def test_a_request_wakes_what_hibernates_and_not_what_is_paused(self):
        by_preview = "/" + self.preview()["url"].split("/", 3)[3]
        ways = ((self.path("/"), {}), ("/", {"host": self.host()}), (by_preview, {"host": self.host(), "key": ""}))
        for target, how in ways:
            hibernated = self.daemon.request("POST", f"/v1/sandboxes/{self.box}/hibernate")
            if hibernated.status == 501:
                self.skipTest("this host cannot pause")
            self.assertEqual((hibernated.status, self.status()), (200, "hibernated"))
            answer = self.daemon.request("GET", target, **how)
            self.assertEqual((answer.status, self.status()), (200, "running"), answer.body)
        self.assertEqual(self.daemon.request("POST", f"/v1/sandboxes/{self.box}/hibernate").status, 200)
        self.assertEqual(self.daemon.request("POST", f"/v1/sandboxes/{self.box}/resume").status, 204)
        self.assertEqual(self.daemon.request("POST", f"/v1/sandboxes/{self.box}/pause").status, 204)
        for target, how in ways:
            answer = self.daemon.request("GET", target, **how)
            self.assertEqual((answer.status, answer.json()["code"], self.status()), (409, "conflict", "paused"))
        self.assertEqual(self.daemon.request("POST", f"/v1/sandboxes/{self.box}/resume").status, 204)

    # ---- what goes through

    def test_a_request_by_path(self):
        answer = self.daemon.request("POST", self.path("/a%20b/c?x=1&y"), "hello", {
            "X-API-Key": self.daemon.key, "X-Own": "yes", "X-Forwarded-For": "6.6.6.6", "Cookie": "a=1; brig_preview=zz",
            "Connection": "X-Drop", "X-Drop": "1", "Proxy-Authorization": "secret"})
        self.assertEqual(answer.status, 200, answer.body)
        asked = answer.json()
        self.assertEqual((asked["method"], asked["target"], asked["body"]), ("POST", "/a%20b/c?x=1&y", "hello"))
        headers = {name.lower(): value for name, value in asked["headers"]}
        self.assertEqual(len(headers), len(asked["headers"]))
        self.assertEqual(headers["host"], "localhost:8000")
        self.assertEqual(headers["x-own"], "yes")
        self.assertEqual(headers["cookie"], "a=1")
        self.assertEqual(headers["x-forwarded-for"], "127.0.0.1")
        self.assertEqual(headers["x-forwarded-host"], f"127.0.0.1:{self.daemon.port}")
        self.assertEqual(headers["x-forwarded-proto"], "http")
        self.assertEqual(headers["x-forwarded-prefix"], self.path())
        for secret in ("authorization", "x-api-key", "proxy-authorization", "x-drop"):
            self.assertNotIn(secret, headers)
        self.assertNotIn(self.daemon.key, json.dumps(asked))
        self.assertIn("sandbox", answer.headers["Content-Security-Policy"])

    def test_a_request_by_host_name(self):
        for domain in ("localhost", "anything.example"):
            answer = self.daemon.request("GET", "/v1/sandboxes?x=1", host=self.host(domain=domain))
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.json()["target"], "/v1/sandboxes?x=1")
            self.assertIsNone(answer.headers["Content-Security-Policy"])

    def test_every_method(self):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = self.daemon.request(method, self.path("/m"))
            self.assertEqual((answer.status, answer.json()["method"]), (200, method))
        answer = self.daemon.request("HEAD", self.path("/m"))
        self.assertEqual((answer.status, answer.body), (200, b""))

    def test_without_the_last_slash(self):
        answer = self.daemon.request("GET", self.path("?a=b"))
        self.assertEqual((answer.status, answer.headers["Location"]), (308, self.path("/?a=b")))

    def test_bodies_go_both_ways_at_once(self):
        # 64 MiB that come back while they go: whoever first reads it all stands still.
        size, piece = 64 << 20, os.urandom(1 << 16)
        with self.daemon.tcp() as stream:
            stream.sendall((f"POST {self.path('/echo')} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.daemon.key}\r\n"
                            f"Content-Length: {size}\r\nConnection: close\r\n\r\n").encode())
            head, rest = read_head_after(stream, piece)
            self.assertTrue(head.startswith("HTTP/1.1 200 "), head)
            sent = len(piece)
            received = hashlib.sha256()
            expected = hashlib.sha256(piece)
            body = Dechunker(rest)
            stream.setblocking(False)
            view = b""
            while not body.is_done:
                if sent < size and not view:
                    view = piece
                    expected.update(piece)
                    sent += len(piece)
                stream.settimeout(60)
                if view:
                    stream.setblocking(False)
                    try:
                        view = view[stream.send(view):]
                    except BlockingIOError:
                        pass
                try:
                    if not view and sent >= size:
                        stream.settimeout(60)
                    data = stream.recv(1 << 16)
                    self.assertTrue(data, "the answer ended early")
                    body.feed(data)
                except BlockingIOError:
                    continue
            for data in body.pieces:
                received.update(data)
            self.assertEqual(body.total, size)
            self.assertEqual(received.hexdigest(), expected.hexdigest())

    def test_big_bodies_in_constant_memory(self):
        size = 256 << 20
        connection = self.daemon.connect()
        connection.request("POST", self.path("/swallow"), body=(b"y" * (1 << 20) for _ in range(256)),
                           headers={"Authorization": "Bearer " + self.daemon.key}, encode_chunked=True)
        self.assertEqual(connection.getresponse().read(), str(size).encode())
        connection.request("GET", self.path(f"/big/{size}"), headers={"Authorization": "Bearer " + self.daemon.key})
        response = connection.getresponse()
        self.assertEqual(response.headers["Content-Length"], str(size))
        total = 0
        while piece := response.read(1 << 20):
            total += len(piece)
        self.assertEqual(total, size)
        connection.close()
        peak = max(int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))
                   for pid in self.daemon.pids())
        self.assertLess(peak, 100 << 10, "KiB at the most that the daemon ever had")

    def test_events_come_one_by_one(self):
        with self.daemon.tcp() as stream:
            stream.sendall((f"GET {self.path('/events')} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.daemon.key}\r\n\r\n").encode())
            head, rest = read_head(stream)
            self.assertIn("text/event-stream", head)
            while b"data: one" not in rest:  # the server inside sends nothing more and does not close
                rest += stream.recv(4096)

    def test_a_server_that_refuses_in_the_middle_of_a_body(self):
        with self.daemon.tcp() as stream:
            stream.sendall((f"POST {self.path('/refuse')} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.daemon.key}\r\n"
                            "Content-Length: 1000000000\r\n\r\nxxx").encode())
            head, _ = read_head(stream)
            self.assertTrue(head.startswith("HTTP/1.1 413 "), head)

    def websocket(self, target, host="x", headers=""):
        stream = self.daemon.tcp()
        key = base64.b64encode(os.urandom(16)).decode()
        stream.sendall((f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: Upgrade\r\nUpgrade: websocket\r\n"
                        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        head, rest = read_head(stream)
        return stream, head, rest, key

    def test_a_websocket(self):
        for target, host in ((self.path("/ws"), "x"), ("/ws", self.host())):
            stream, head, rest, key = self.websocket(target, host, f"X-API-Key: {self.daemon.key}\r\n")
            with stream:
                self.assertTrue(head.startswith("HTTP/1.1 101 "), head)
                accept = hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
                self.assertIn("Sec-WebSocket-Accept: " + base64.b64encode(accept).decode(), head)
                for text in (b"hello", b"x" * 60000):
                    mask = os.urandom(4)
                    size = bytes([128 | len(text)]) if len(text) < 126 else bytes([254]) + struct.pack(">H", len(text))
                    stream.sendall(b"\x81" + size + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(text)))
                    wanted = 2 + len(text) + (2 if len(text) > 125 else 0)
                    while len(rest) < wanted:
                        data = stream.recv(65536)
                        self.assertTrue(data)
                        rest += data
                    self.assertEqual(rest[wanted - len(text):wanted], text)
                    rest = rest[wanted:]

    def test_a_websocket_needs_a_key_too(self):
        stream, head, _, _ = self.websocket(self.path("/ws"))
        stream.close()
        self.assertTrue(head.startswith("HTTP/1.1 401 "), head)

    # ---- what does not

    def test_a_port_that_nobody_listens_on(self):
        answer = self.daemon.request("GET", self.path("/", 9999))
        self.assertEqual((answer.status, answer.json()["code"]), (502, "no_listener"))
        self.assertIn("8000, 8001", answer.json()["error"])

    def test_no_port(self):
        for port in ("0", "65536", "-1", "080", "x", "8000x"):
            self.assertEqual(self.daemon.request("GET", self.path("/", port)).status, 400, port)

    def test_hostile_answers_become_a_502(self):
        for case in ("garbage", "lf", "negative", "two", "both", "split", "close", "endless", "line", "upgrade", "status"):
            answer = self.daemon.request("GET", self.path("/" + case, 8001))
            self.assertEqual((answer.status, answer.json()["code"]), (502, "bad_gateway"), case)
        self.assertEqual(self.daemon.request("GET", self.path("/", 8000)).status, 200)

    def test_answers_that_end_early_are_cut(self):
        for case in ("short", "chunks"):
            with self.daemon.tcp() as stream:
                stream.sendall((f"GET {self.path('/' + case, 8001)} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.daemon.key}\r\n\r\n")
                               .encode())
                data = b""
                while piece := stream.recv(65536):
                    data += piece
                self.assertTrue(data.startswith(b"HTTP/1.1 200 "))
                self.assertFalse(data.endswith(b"0\r\n\r\n"), "a part must not look like the whole")

    def test_what_follows_an_answer_is_nobodys(self):
        connection = self.daemon.connect()
        for _ in range(2):
            connection.request("GET", self.path("/extra", 8001), headers={"X-API-Key": self.daemon.key})
            self.assertEqual(connection.getresponse().read(), b"ok")
        connection.close()
        self.assertEqual(self.daemon.request("GET", self.path("/hundred", 8001)).body, b"ok")

    def test_what_acts_beyond_the_answer_is_taken_out(self):
        answer = self.daemon.request("GET", self.path("/cookies"))
        for name in ("Set-Cookie", "Clear-Site-Data", "Service-Worker-Allowed", "Strict-Transport-Security", "X-Hop",
                     "Keep-Alive"):
            self.assertIsNone(answer.headers[name], name)
        self.assertNotEqual(answer.headers["X-Request-Id"], "theirs")
        self.assertEqual(answer.headers["Location"], self.path("/elsewhere"))
        answer = self.daemon.request("GET", "/cookies", host=self.host())
        self.assertEqual(answer.headers.get_all("Set-Cookie"), ["a=1; Path=/"])
        self.assertEqual(answer.headers["Location"], "/elsewhere")
        self.assertIsNone(answer.headers["Strict-Transport-Security"])

    def test_clients_that_leave_leave_nothing(self):
        pid = self.daemon.pids()
        before = sum(open_descriptors(p) for p in pid)
        for _ in range(20):
            with self.daemon.tcp() as stream:
                stream.sendall((f"GET {self.path('/events')} HTTP/1.1\r\nHost: x\r\nX-API-Key: {self.daemon.key}\r\n\r\n")
                               .encode())
                read_head(stream)
        for _ in range(200):
            if sum(open_descriptors(p) for p in pid) <= before:
                return
            time.sleep(0.05)
        self.fail("descriptors stayed open")

    # ---- who may

    def test_without_a_key(self):
        for request in ({"path": self.path("/")}, {"path": "/", "host": self.host()}):
            answer = self.daemon.request("GET", key="", **request)
            self.assertEqual((answer.status, answer.json()["code"]), (401, "unauthenticated"))

    def test_another_key(self):
        other = self.daemon.new_key(label="other")["key"]
        for request in ({"path": self.path("/")}, {"path": "/", "host": self.host()}, {"path": self.path()[:-5]}):
            self.assertEqual(self.daemon.request("GET", key=other, **request).status, 404)
        self.assertEqual(self.daemon.request("POST", self.path("/preview"), {}, key=other).status, 404)

    def test_the_list(self):
        ports = self.daemon.request("GET", self.path()[:-5]).json()["ports"]
        self.assertEqual([one["port"] for one in ports], [8000, 8001])
        self.assertEqual(ports[0]["proxy_url"], f"http://8000-{self.box}.localhost:{self.daemon.port}/")
        self.assertTrue(ports[0]["listening"])

    def test_a_cookie_rides_with_no_other_page(self):
        pass_ = self.preview()["url"].rpartition("=")[2]
        own, name = self.host(), self.host().partition(":")[0]
        elsewhere = own.replace(self.box, "abcdefghjkmnpqrstuvw")

        def visit(**headers):
            headers = {name.replace("_", "-"): value for name, value in headers.items()}
            return self.daemon.request("GET", "/", key="", host=own, headers={"Cookie": "brig_preview=" + pass_, **headers}).status
        for headers in ({}, {"Origin": "http://" + own}, {"Origin": "https://" + own}, {"Sec_Fetch_Site": "none"}, {"Sec_Fetch_Site": "same-origin", "Sec_Fetch_Mode": "no-cors"},
                        {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, {"Origin": "http://" + own.replace("8000-", "3000-", 1)},
                        {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors", "Referer": "http://%s/page" % own.replace("8000-", "3000-", 1)}):
            self.assertEqual(visit(**headers), 200, headers)
        for headers in ({"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://" + elsewhere}, {"Origin": "http://%s.evil.example:%d" % (name, self.daemon.port)},
                        {"Origin": "http://evil.example/" + own}, {"Origin": "http://%s:1" % name}, {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "cors"},
                        {"Sec_Fetch_Site": "same-site"}, {"Sec_Fetch_Site": "same-site", "Referer": "http://" + elsewhere + "/"}):
            self.assertEqual(visit(**headers), 401, headers)
        # With a key it is the key that lets in.
        answer = self.daemon.request("GET", "/", host=own, headers={"Cookie": "brig_preview=" + pass_, "Origin": "https://evil.example"})
        self.assertEqual(answer.status, 200)

    def test_a_preview(self):
        preview = self.preview()
        by_path = preview["path_url"].split(str(self.daemon.port), 1)[1]
        by_host = "/" + preview["url"].split("/", 3)[3]
        for target, host in ((by_path, None), (by_host, self.host())):
            answer = self.daemon.request("GET", target + "&own=1", key="", host=host,
                                         headers={"Authorization": "Bearer of-the-app"})
            self.assertEqual(answer.status, 200, answer.body)
            self.assertEqual(answer.json()["target"], "/?own=1")
            self.assertNotIn("brig_preview", answer.body.decode())
            self.assertIn(["Authorization", "Bearer of-the-app"], answer.json()["headers"])
            cookie = answer.headers["Set-Cookie"]
            self.assertIn("HttpOnly", cookie)
            self.assertIn("Path=" + (self.path("/") if host is None else "/") + ";", cookie)
            again = self.daemon.request("GET", self.path("/x") if host is None else "/x", key="", host=host,
                                        headers={"Cookie": "a=1; " + cookie.split(";")[0]})
            self.assertEqual(again.status, 200)
            self.assertNotIn("brig_preview", again.body.decode())
            # It opens this port, and nothing else.
            for method, elsewhere in (("GET", self.path("/", 8001)), ("GET", f"/v1/sandboxes/{self.box}"),
                                      ("GET", self.path()[:-5]), ("POST", self.path("/preview"))):
                refused = self.daemon.request(method, elsewhere, key="", headers={"Cookie": cookie.split(";")[0]})
                self.assertEqual(refused.status, 401, elsewhere)

    def test_a_preview_never_carries_a_key_inside(self):
        target = "/" + self.preview()["url"].split("/", 3)[3]
        answer = self.daemon.request("GET", target, host=self.host(), headers={"X-API-Key": self.daemon.key})
        self.assertNotIn(self.daemon.key, answer.body.decode())

    def test_a_browser_is_sent_on_without_the_pass(self):
        target = "/" + self.preview()["url"].split("/", 3)[3]
        answer = self.daemon.request("GET", "/" + target, key="", host=self.host(), headers={"Accept": "text/html,*/*"})
        self.assertEqual(answer.status, 303)
        self.assertEqual(answer.headers["Location"], f"http://{self.host()}//")  # never another host's "//…"
        self.assertIn("brig_preview=", answer.headers["Set-Cookie"])

    def test_a_preview_expires(self):
        target = "/" + self.preview(seconds=1)["url"].split("/", 3)[3]
        self.assertEqual(self.daemon.request("GET", target, key="", host=self.host()).status, 200)
        for _ in range(100):
            answer = self.daemon.request("GET", target, key="", host=self.host())
            if answer.status != 200:
                break
            time.sleep(0.1)
        self.assertEqual((answer.status, answer.json()["code"]), (401, "unauthenticated"))
        self.assertIn("expired", answer.json()["error"])

    def test_a_changed_preview(self):
        expiry, signature = self.preview()["url"].rsplit("=", 1)[1].split(".")
        changed = signature[:-1] + ("0" if signature[-1] != "0" else "1")
        for token in (f"{int(expiry) + 1}.{signature}", f"{expiry}.{changed}", expiry, "", ".", f".{signature}", "x" * 5000):
            answer = self.daemon.request("GET", f"/?brig_preview={token}", key="", host=self.host())
            self.assertEqual(answer.status, 401, token)

    def test_how_long_a_preview_may_last(self):
        for seconds in (0, -1, 700_000, "x"):
            answer = self.daemon.request("POST", self.path("/preview"), {"expires_in_seconds": seconds})
            self.assertEqual(answer.status, 400, seconds)

    def test_a_preview_is_worth_no_more_than_its_key(self):
        made = self.daemon.new_key(label="short")
        box = self.daemon.create(key=made["key"])
        url = self.daemon.request("POST", f"/v1/sandboxes/{box}/ports/8000/preview", {}, key=made["key"]).json()["url"]
        target = "/" + url.split("/", 3)[3]
        host = f"8000-{box}.localhost"
        self.assertEqual(self.daemon.request("GET", target, key="", host=host).status, 502)
        self.assertIn(self.daemon.local_request("DELETE", "/v1/keys/" + made["id"]).status, (200, 204))
        self.assertEqual(self.daemon.request("GET", target, key="", host=host).status, 404)


class Restart(unittest.TestCase):
    def test_the_secret_stays(self):
        daemon = Daemon("--pool", "0")
        try:
            secret = pathlib.Path(daemon.state, "preview.secret").read_bytes()
            self.assertEqual(len(secret), 32)
            self.assertEqual(os.stat(daemon.state + "/preview.secret").st_mode & 0o777, 0o600)
            daemon.stop()
            daemon.start()
            self.assertEqual(pathlib.Path(daemon.state, "preview.secret").read_bytes(), secret)
        finally:
            daemon.close()


class Dechunker:
    def __init__(self, data):
        self.buffer, self.pieces, self.total, self.is_done = b"", [], 0, False
        self.feed(data)

    def feed(self, data):
        self.buffer += data
        while not self.is_done:
            end = self.buffer.find(b"\r\n")
            if end < 0:
                return
            size = int(self.buffer[:end], 16)
            if len(self.buffer) < end + 4 + size:
                return
            if size:
                self.pieces.append(self.buffer[end + 2:end + 2 + size])
                self.total += size
            self.is_done = size == 0
            self.buffer = self.buffer[end + 4 + size:]


def read_head_after(stream, body):
    stream.sendall(body)
    return read_head(stream)


if __name__ == "__main__":
    unittest.main()
