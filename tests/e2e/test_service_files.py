#!/usr/bin/python3
"""Files over HTTP as a client meets them: plain ones, and uploads that are cut, files of unknown size, ranges, large folders."""
import hashlib
import http.client
import json
import os
import random
import socket
import unittest
import urllib.parse

import service
from service import ServiceCase, read, wait_until


class Files(ServiceCase):
    def setUp(self):
        super().setUp()
        self.sandbox = self.client.create(limits={"disk": "400M", "memory": "600M"})

    def path(self, name, rest=""):
        return "/v1/sandboxes/%s/fs%s?path=%s" % (self.sandbox, rest, urllib.parse.quote_from_bytes(name.encode() if isinstance(name, str) else name))

    def test_more_than_fits(self):
        """Files in memory count as memory. The scratch is full before the kernel ends anybody, also where it is as large as the memory."""
        for memory in ("64M", "256M"):
            small = self.client.create(limits={"disk": "64M", "memory": memory})
            at = "/v1/sandboxes/%s/" % small
            self.assert_error(self.client.request("PUT", at + "fs?path=/workspace/large", bytes(200 << 20)), 507, "no_space")
            self.assert_error(self.client.get(at + "fs?path=/workspace/large"), 404, "no_such_file")
            self.assertEqual(self.client.expect(200, "PUT", at + "fs?path=/workspace/fits", bytes(30 << 20))["bytes"], 30 << 20)
            ran = self.client.exec(small, "for i in 1 2 3 4 5; do head -c 20000000 /dev/zero > more$i; done; echo still here")
            self.assertIn("No space left", ran["stderr"])
            self.assertEqual(ran["stdout"], "still here\n")
            self.assertEqual(self.client.info(small)["status"], "running")
            self.assertEqual(self.client.expect(200, "GET", at + "metrics")["memory_kills"], 0)

    def test_all_kinds_of_bytes(self):
        for number, content in enumerate((b"", b"\0", bytes(range(256)) * 5000, os.urandom(3 << 20), "ü\r\n\n".encode(), b"\xff\xfe\0")):
            name = "/workspace/f%d" % number
            self.assertEqual(self.client.expect(200, "PUT", self.path(name), content)["bytes"], len(content))
            answer = self.client.get(self.path(name))
            self.assertEqual((answer.status, answer.body == content), (200, True), name)
            self.assertEqual(answer.headers["Content-Length"], str(len(content)))
        shorter = self.client.expect(200, "PUT", self.path("/workspace/f2"), b"new")  # replaced, not overwritten in part
        self.assertEqual((shorter["bytes"], self.client.get(self.path("/workspace/f2")).body), (3, b"new"))

    def test_names(self):
        names = ["/workspace/ü€😀", "/workspace/a b", "/workspace/%41?&#=+", "/workspace/-rf", "/workspace/\"'\\$(x)`", "/workspace/.hidden",
                 "/workspace/a/deep/er/f", "/workspace/" + "n" * 255]
        for name in names:
            self.client.expect(200, "PUT", self.path(name), name.encode())
            self.assertEqual(self.client.get(self.path(name)).body, name.encode(), name)
            self.assertEqual(self.client.expect(200, "GET", self.path(name, "/stat"))["name"], name.rsplit("/", 1)[1])
        listed = {entry["name"] for entry in self.client.expect(200, "GET", self.path("/workspace", "/dir"))["entries"]}
        self.assertLessEqual({name.split("/")[2] for name in names}, listed)

    def test_names_that_are_not_text(self):
        self.client.exec(self.sandbox, ["python3", "-c", "open(b'/workspace/\\xff\\xfe', 'w').write('x')"])
        entries = self.client.expect(200, "GET", self.path("/workspace", "/dir"))["entries"]
        self.assertEqual(len(entries), 1)
        self.assertEqual(self.client.get(self.path(b"/workspace/\xff\xfe")).body, b"x")

    def test_acts(self):
        self.client.expect(201, "POST", "/v1/sandboxes/%s/fs/mkdir" % self.sandbox, {"path": "/workspace/a/b"})
        self.client.expect(200, "PUT", self.path("/workspace/a/b/f"), b"12345")
        stat = self.client.expect(200, "GET", self.path("/workspace/a/b/f", "/stat"))
        self.assertEqual((stat["type"], stat["size"], stat["is_dir"]), ("file", 5, False))
        self.client.expect(200, "POST", "/v1/sandboxes/%s/fs/move" % self.sandbox, {"from": "/workspace/a/b/f", "to": "/workspace/g"})
        self.client.expect(204, "POST", "/v1/sandboxes/%s/fs/chmod" % self.sandbox, {"path": "/workspace/g", "mode": "0711"})
        self.assertEqual(self.client.exec(self.sandbox, "stat -c '%a %U' g; cat g")["stdout"], "711 user\n12345")
        self.assert_error(self.client.request("DELETE", self.path("/workspace/a")), 409, "not_empty")
        self.assertEqual(self.client.request("DELETE", self.path("/workspace/a") + "&recursive=1").status, 204)
        self.assert_error(self.client.get(self.path("/workspace/a", "/stat")), 404, "no_such_file")
        self.assert_error(self.client.request("PUT", self.path("/workspace/g") + "&exclusive=1", b"x"), 409, "exists")
        self.assertEqual(self.client.get(self.path("/workspace/g")).body, b"12345")

    def test_refusals(self):
        self.client.exec(self.sandbox, "mkdir d; touch f; ln -s /etc/passwd l; mkdir secret; echo x > secret/f; chmod 0 secret; mkfifo p; echo x > n; chmod 0 n")
        for method, name, rest, status in (
                ("GET", "/workspace/none", "", 404), ("GET", "/workspace/d", "", 409), ("GET", "/workspace/l", "", 409), ("GET", "/workspace/p", "", 409),
                ("GET", "/workspace/secret/f", "", 403), ("GET", "/workspace/n", "", 403), ("GET", "/workspace/f/x", "", 409), ("GET", "/workspace/f", "/dir", 409),
                ("GET", "/workspace/none", "/dir", 404), ("DELETE", "/workspace/none", "", 404), ("PUT", "/usr/bin/x", "", 403), ("PUT", "/workspace/d", "", 409),
                ("GET", "/workspace/" + "n" * 256, "", 400), ("DELETE", "/usr/bin/env", "", 403), ("PUT", "/proc/1/comm", "", 403)):
            answer = self.client.request(method, self.path(name, rest), b"x" if method == "PUT" else None)
            with self.subTest(method + " " + name[:40]):
                self.assert_error(answer, status)
        for name in ("", "relative", "/workspace/../etc/passwd", "/a\0b", "/new\nline"):
            self.assert_error(self.client.get(self.path(name)), (400, 409))

    def test_full(self):
        sandbox = self.client.create(limits={"disk": "8M"})
        path = "/v1/sandboxes/%s/fs?path=/workspace/big" % sandbox
        self.assert_error(self.client.request("PUT", path, b"x" * (20 << 20)), 507, "no_space")
        self.client.request("DELETE", path)
        self.client.expect(200, "PUT", path, b"x" * (1 << 20))
        self.assertEqual(self.client.exec(sandbox, "wc -c < big")["stdout"].strip(), str(1 << 20))

    def peak(self):
        return int(read("/proc/%d/status" % self.daemon.pid).partition("VmHWM:")[2].split()[0]) << 10

    def test_large(self):
        """200 MB up and down; the daemon holds a piece of it at a time."""
        count = 200
        block = os.urandom(1 << 20)
        self.client.expect(200, "PUT", self.path("/workspace/warm"), block)
        before = self.peak()
        wanted = hashlib.sha256()

        def blocks():
            for number in range(count):
                piece = b"%08d" % number + block[8:]
                wanted.update(piece)
                yield piece
        connection = service.Connection(self.client.address)
        connection.request("PUT", self.path("/workspace/big"), blocks(), self.client.headers({"Content-Length": str(count << 20)}))
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["bytes"]), (200, count << 20))
        connection.close()
        got, size = hashlib.sha256(), 0
        connection, response = self.client.open("GET", self.path("/workspace/big"))
        while piece := response.read(1 << 20):
            got.update(piece)
            size += len(piece)
        connection.close()
        self.assertEqual((size, got.hexdigest()), (count << 20, wanted.hexdigest()))
        self.assertLess(self.peak() - before, 24 << 20)

    def test_chunked_upload(self):
        connection = service.Connection(self.client.address)
        pieces = [os.urandom(random.Random(i).randint(1, 70_000)) for i in range(50)]
        connection.request("PUT", self.path("/workspace/chunked"), iter(pieces), self.client.headers(), encode_chunked=True)
        self.assertEqual(json.loads(connection.getresponse().read())["bytes"], sum(map(len, pieces)))
        connection.close()
        self.assertEqual(self.client.get(self.path("/workspace/chunked")).body, b"".join(pieces))

    def test_slow_reader_harms_nobody(self):
        self.client.expect(200, "PUT", self.path("/workspace/big"), b"x" * (60 << 20))
        before = self.peak()
        slow = [self.client.open("GET", self.path("/workspace/big"))[0] for _ in range(6)]
        for _ in range(20):
            self.assertEqual(self.client.exec(self.sandbox, "echo on")["stdout"], "on\n")
        self.assertLess(self.peak() - before, 40 << 20)
        for connection in slow:
            connection.close()

    def test_two_writers(self):
        """Each is answered, and what is there afterwards has been written by somebody."""
        contents = [bytes([65 + number]) * (4 << 20) for number in range(4)]
        self.in_parallel(lambda content: self.client.expect(200, "PUT", self.path("/workspace/same"), content), contents)
        got = self.client.get(self.path("/workspace/same")).body
        self.assertEqual((len(got), set(got) - set(b"ABCD")), (4 << 20, set()))

    def test_file_that_shrinks(self):
        self.client.expect(200, "PUT", self.path("/workspace/shrinks"), b"x" * (40 << 20))
        connection, response = self.client.open("GET", self.path("/workspace/shrinks"))
        response.read(1000)
        self.client.exec(self.sandbox, "truncate -s 0 shrinks")
        try:
            rest = response.read()
            self.assertLessEqual(len(rest), 40 << 20)
        except (http.client.IncompleteRead, ConnectionError, socket.timeout):
            pass  # cut, so that the client knows
        connection.close()
        self.assertEqual(self.client.exec(self.sandbox, "echo on")["stdout"], "on\n")


class Odd(ServiceCase):
    flags = ("--log-level", "debug")

    def setUp(self):
        super().setUp()
        self.sandbox = self.client.create()

    def path(self, name, rest=""):
        return "/v1/sandboxes/%s/fs%s?path=%s" % (self.sandbox, rest, urllib.parse.quote(name))

    def run_it(self, command):
        ran = self.client.exec(self.sandbox, command)
        self.assertEqual(ran["status"], "ok", ran)
        return ran["stdout"]

    def answered(self, route):
        """How many requests of that route have been answered or given up."""
        lines = [json.loads(line) for line in self.daemon.log().splitlines() if line.startswith(b"{")]
        return sum(line.get("event") == "http.request" and line.get("route") == route for line in lines)

    def upload_part(self, name):
        """Half of what was announced, and then the client goes."""
        before = self.answered("file_write")
        head = "PUT %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n" % self.path(name)
        head += "".join("%s: %s\r\n" % pair for pair in self.client.headers().items())
        sock = service.connect(self.client.address)
        sock.sendall(head.encode() + b"\r\n" + b"n" * 1_000_000)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(1 << 16):
            pass
        sock.close()
        self.assertTrue(wait_until(lambda: self.answered("file_write") > before))

    def test_a_cut_upload_changes_nothing(self):
        self.run_it("echo old > old")
        self.upload_part("/workspace/old")
        self.upload_part("/workspace/new")
        self.assertEqual(self.run_it("cat old; ls -A; find / -name '.brig-*' -newer old 2>/dev/null | grep -v '^/tmp/.brig$' || true"), "old\nold\n")

    def test_a_replaced_file_keeps_its_mode(self):
        self.run_it("echo old > script; chmod 754 script; ln script other")
        self.client.expect(200, "PUT", self.path("/workspace/script"), b"new\n")
        self.client.expect(200, "PUT", self.path("/workspace/fresh"), b"new\n")
        self.assertEqual(self.run_it("cat script other; stat -c %a script fresh; ls -A"), "new\nold\n754\n644\nfresh\nother\nscript\n")

    def test_in_place_where_no_file_can_be_made(self):
        self.run_it("mkdir d; echo older > d/f; chmod 555 d")
        self.client.expect(200, "PUT", self.path("/workspace/d/f"), b"new\n")
        self.assertEqual(self.run_it("cat d/f; ls -A d"), "new\nf\n")
        self.assert_error(self.client.request("PUT", self.path("/workspace/d/g"), b"new\n"), 403)

    def test_what_is_no_file(self):
        self.run_it("echo old > target; ln -s target link; mkfifo fifo; mkdir folder")
        for name in ("link", "fifo", "folder"):
            answer = self.client.request("PUT", self.path("/workspace/" + name), b"new")
            self.assert_error(answer, 409)
        self.assert_error(self.client.request("PUT", self.path("/dev/null"), b"new"), 400)
        self.assertEqual(self.run_it("cat target; ls -A"), "old\nfifo\nfolder\nlink\ntarget\n")

    def test_files_that_say_they_are_empty(self):
        for name, wanted in (("/proc/self/comm", None), ("/proc/sys/kernel/ostype", "Linux\n"), ("/proc/filesystems", None)):
            got = self.client.get(self.path(name))
            self.assertEqual(got.status, 200, got)
            self.assertEqual(int(got.headers["Content-Length"]), len(got.body))
            self.assertTrue(got.body, name)
            self.assertIn(wanted, (None, got.body.decode()))
        self.run_it(": > empty")
        self.assertEqual(self.client.get(self.path("/workspace/empty")).body, b"")

    def test_a_long_file_that_says_it_is_empty(self):
        # Its map of memory: as long as the program wants it to be.
        program = ("import ctypes, mmap, time\n"
                   "libc = ctypes.CDLL(None, use_errno=True)\n"
                   "held = mmap.mmap(-1, 4096 * 40000)\n"
                   "at = ctypes.addressof(ctypes.c_char.from_buffer(held))\n"
                   "for page in range(0, 40000, 2):\n"
                   "    libc.mprotect(ctypes.c_void_p(at + 4096 * page), ctypes.c_size_t(4096), 1)\n"
                   "print('ready', flush=True)\ntime.sleep(600)\n")
        process = self.client.start(self.sandbox, ["python3", "-c", program])
        self.assertTrue(wait_until(lambda: self.client.get(process + "/output").body), self.client.expect(200, "GET", process))
        name = "/proc/%d/maps" % self.client.expect(200, "GET", process)["pid"]
        got = self.client.get(self.path(name))
        self.assertEqual((got.status, got.headers["Content-Length"]), (200, None), got.headers)
        self.assertGreater(len(got.body), 1 << 20)
        self.assertEqual(got.body[-1:], b"\n")
        whole = self.client.get(self.path(name), headers={"Range": "bytes=0-9"})
        self.assertEqual((whole.status, len(whole.body)), (200, len(got.body)))

    def test_ranges(self):
        small, large = bytes(range(200)), os.urandom(3 << 20)
        for name, contents in (("small", small), ("large", large)):
            path, size = self.path("/workspace/" + name), len(contents)
            self.client.expect(200, "PUT", path, contents)
            self.assertEqual(self.client.get(path).headers["Accept-Ranges"], "bytes")
            for text, first, last in (("0-0", 0, 0), ("10-99", 10, 99), ("150-", 150, size - 1), ("-50", size - 50, size - 1),
                                      ("%d-%d" % (size - 5, size + 100), size - 5, size - 1), ("100-%d" % (size - 2), 100, size - 2)):
                got = self.client.get(path, headers={"Range": "bytes=" + text})
                with self.subTest(name + " " + text):
                    self.assertEqual(got.status, 206, got)
                    self.assertEqual(got.headers["Content-Range"], "bytes %d-%d/%d" % (first, last, size))
                    self.assertEqual(int(got.headers["Content-Length"]), last - first + 1)
                    self.assertTrue(got.body == contents[first:last + 1])
            for text in ("%d-" % size, "-0"):
                got = self.client.get(path, headers={"Range": "bytes=" + text})
                self.assert_error(got, 416, "range_not_satisfiable")
                self.assertEqual(got.headers["Content-Range"], "bytes */%d" % size)
            for headers in ({"Range": "bytes=0-1,5-6"}, {"Range": "lines=0-1"}, {"Range": "bytes=x"}, {"Range": "bytes=0-1", "If-Range": '"x"'}):
                got = self.client.get(path, headers=headers)
                self.assertEqual((got.status, len(got.body)), (200, size), headers)

    def test_a_folder_larger_than_an_answer(self):
        self.sandbox = self.client.create(limits={"inodes": 12_000})
        self.run_it("mkdir d; cd d; seq 10001 | xargs touch")
        for count, is_truncated in ((10_000, True), (10_000, False), (9_999, False)):
            listed = self.client.expect(200, "GET", self.path("/workspace/d", "/dir"))
            self.assertEqual((len(listed["entries"]), listed["is_truncated"]), (count, is_truncated))
            self.client.expect(204, "DELETE", self.path("/workspace/d/" + listed["entries"][0]["name"]))


if __name__ == "__main__":
    unittest.main()
