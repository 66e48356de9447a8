#!/usr/bin/python3
"""Commands over HTTP as a client meets them: their ends, output, input, signals, and terminals."""
import base64
import hashlib
import json
import os
import random
import socket
import time
import unittest

import service
from service import ServiceCase, bytes_of, wait_until

SEED = int(os.environ.get("BRIG_SEED", str(time.time_ns() % 1_000_000)))


class Commands(ServiceCase):
    def setUp(self):
        super().setUp()
        self.sandbox = self.client.create(limits={"timeout": "60s"})

    def run_it(self, command, **body):
        return self.client.exec(self.sandbox, command, **body)

    def test_argv_and_cmd(self):
        ran = self.run_it(["printf", "%s|", "a b", "$HOME", "ü", ""])
        self.assertEqual((ran["status"], ran["exit_code"], ran["stdout"], ran["stderr"]), ("ok", 0, "a b|$HOME|ü||", ""))
        ran = self.run_it("echo out; echo err >&2; exit 3")
        self.assertEqual((ran["status"], ran["exit_code"], ran["stdout"], ran["stderr"]), ("error", 3, "out\n", "err\n"))

    def test_surroundings(self):
        self.assertEqual(self.run_it("pwd; id -u; echo $HOME")["stdout"], "/workspace\n1000\n/home/user\n")
        self.assertEqual(self.run_it("pwd", cwd="/tmp")["stdout"], "/tmp\n")
        self.assertEqual(self.run_it("echo $A-$B", env={"A": "x y", "B": "ü"})["stdout"], "x y-ü\n")
        other = self.client.create(envs={"A": "of all"})
        self.assertEqual(self.client.exec(other, "echo $A")["stdout"], "of all\n")
        self.assertEqual(self.client.exec(other, "echo $A", env={"A": "of one"})["stdout"], "of one\n")

    def test_input(self):
        self.assertEqual(self.run_it("cat; echo end", stdin="some\nlines ü")["stdout"], "some\nlines üend\n")
        self.assertEqual(self.run_it("wc -c", stdin="x" * 500_000)["stdout"].strip(), "500000")
        self.assertEqual(self.run_it("wc -c")["stdout"].strip(), "0")
        self.assertEqual(self.run_it("exec 0<&-; exit 0", stdin="x" * 500_000)["status"], "ok")

    def test_input_that_is_no_text(self):
        every = bytes(range(256)) * 8
        for body in ({"stdin_base64": base64.b64encode(every).decode()}, {"stdin_base64": ""}):
            ran = self.run_it("od -An -v -tx1 | tr -d ' \\n'", **body)
            self.assertEqual(bytes.fromhex(ran["stdout"]), base64.b64decode(body["stdin_base64"]))
        for body in ({"stdin_base64": "a"}, {"stdin_base64": "YQ==", "stdin": "a"}, {"stdin_base64": 5}):
            self.assert_error(self.client.post("/v1/sandboxes/%s/exec" % self.sandbox, {"cmd": "cat", **body}), 400)

    def test_input_that_goes_on(self):
        process = self.client.start(self.sandbox, "cat", stdin="first ", keep_stdin=True)
        self.client.expect(200, "POST", process + "/stdin?close=1", b"second")
        self.assertEqual(self.client.expect(200, "GET", process + "/wait")["stdout"], "first second")

    def test_input_that_nobody_reads(self):
        """It is the command's, and nobody waits for it: beyond what pipes and windows hold."""
        much = "x" * 800_000
        process = self.client.start(self.sandbox, "sleep 60", stdin=much)
        self.assertTrue(self.client.expect(200, "GET", process)["running"])
        events = self.client.events("POST", "/v1/sandboxes/%s/exec/stream" % self.sandbox, {"cmd": "mkfifo go; echo begun; read go < go; wc -c", "stdin": much, "cwd": "/workspace"})
        self.assertEqual(next(events)[0], "start")
        self.assertEqual(bytes_of(next(events)[1]), b"begun\n")
        self.run_it("echo > go", cwd="/workspace")
        self.assertEqual(bytes_of(next(events)[1]).strip(), b"800000")
        self.assertEqual(next(events)[0], "exit")
        self.client.expect(204, "DELETE", process)

    def test_a_client_that_goes(self):
        """The command goes on, and nothing is kept for who waited for it."""
        before = self.daemon.settled_descriptors()
        for _ in range(3):
            sock = service.connect(self.daemon.address)
            body = json.dumps({"cmd": "echo begun > /tmp/begun; sleep 30", "timeout_seconds": 50}).encode()
            sock.sendall(b"POST /v1/sandboxes/%s/exec HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n" % (self.sandbox.encode(), self.daemon.key.encode(), len(body)) + body)
            wait_until(lambda: self.run_it("cat /tmp/begun && rm /tmp/begun")["exit_code"] == 0)
            sock.close()
        self.assertTrue(wait_until(lambda: service.descriptors(self.daemon.pid) <= before))
        items = self.client.expect(200, "GET", "/v1/sandboxes/%s/processes" % self.sandbox)["items"]
        self.assertEqual(sum(item["running"] for item in items), 3)

    def test_writers_take_turns(self):
        """What one request writes in pieces stays together."""
        process = self.client.start(self.sandbox, "sleep 0.3; cat", keep_stdin=True)
        letters = "abcdefgh"
        answers = self.in_parallel(lambda letter: self.client.request("POST", process + "/stdin", letter.encode() * 300_000), letters)
        self.assertEqual([answer.status for answer in answers], [200] * len(letters))
        self.client.expect(204, "DELETE", process + "/stdin")
        self.client.expect(200, "GET", process + "/wait")
        got = self.client.get(process + "/output").body.decode()
        self.assertEqual(len(got), 300_000 * len(letters))
        runs = [letter for i, letter in enumerate(got) if i == 0 or got[i - 1] != letter]
        self.assertEqual(sorted(runs), sorted(letters))

    def test_ends(self):
        for command, body, status, code in (
                (["sleep", "60"], {"timeout_seconds": 0.3}, "timeout", 124),
                ("kill -9 $$", {}, "signal", 137),
                ("kill -TERM $$", {}, "signal", 143),
                (["no-such-program"], {}, "error", 127),
                (["/etc/passwd"], {}, "error", 126),
                ("true", {"cwd": "/no/such"}, "error", 127),
                ("head -c 400M /dev/zero | tail -n 1 | wc -c", {}, None, None)):
            ran = self.run_it(command, **body)
            if status:
                self.assertEqual((ran["status"], ran["exit_code"]), (status, code), (command, ran))
        self.assertEqual(self.run_it("echo still here")["stdout"], "still here\n")

    def test_usage_of_what_was_ended(self):
        burn = "python3 -c 'x = bytearray(40 << 20)\nwhile True: pass'; true"  # of a child, which its shell did not wait for
        for command, status, body in ((burn, "timeout", {"timeout_seconds": 2}), ("(" + burn + ") & sleep 2; kill -9 0", "signal", {})):
            ran = self.run_it(command, **body)
            self.assertEqual(ran["status"], status, ran)
            self.assertGreater(ran["cpu_ms"], 0, ran)
            self.assertGreater(ran["peak_memory_bytes"], 40 << 20, ran)

    def test_a_killed_command_has_ended(self):
        for _ in range(10):
            process = self.client.start(self.sandbox, "sleep 600 & sleep 600")
            self.client.expect(204, "DELETE", process)
            self.assertEqual(self.client.expect(200, "GET", process)["status"], "signal")
            self.client.expect(204, "DELETE", process)  # once more

    def test_a_command_killed_in_a_pause_ends_after_it(self):
        process = self.client.start(self.sandbox, "sleep 600")
        path = "/v1/sandboxes/" + self.sandbox
        if self.client.post(path + "/pause").status == 501:
            self.skipTest("this host cannot pause")
        self.assertTrue(self.client.expect(202, "DELETE", process)["running"])
        self.client.expect(204, "POST", path + "/resume")
        self.assertEqual(self.client.expect(200, "GET", process + "/wait")["status"], "signal")

    def test_memory_limit(self):
        sandbox = self.client.create(limits={"memory": "48M"})
        ran = self.client.exec(sandbox, ["python3", "-c", "x = bytearray(300 << 20)"])
        self.assertTrue(ran["status"] == "memory_limit" or "MemoryError" in ran["stderr"], ran)

    def test_background(self):
        process = self.client.start(self.sandbox, "echo begin; read line; echo got $line; cat; exit 5", keep_stdin=True)
        self.assertTrue(self.client.expect(200, "GET", process)["running"])
        self.assertTrue(self.client.expect(200, "GET", process + "/wait?timeout_ms=50")["running"])
        self.assertEqual(self.client.expect(200, "POST", process + "/stdin", b"line\n")["bytes"], 5)
        self.client.expect(200, "POST", process + "/stdin", b"rest \xff")
        self.client.expect(204, "DELETE", process + "/stdin")
        end = self.client.expect(200, "GET", process + "/wait")
        self.assertEqual((end["running"], end["status"], end["exit_code"]), (False, "error", 5))
        self.assertEqual(self.client.get(process + "/output?stream=stdout").body, b"begin\ngot line\nrest \xff")
        listed = self.client.expect(200, "GET", "/v1/sandboxes/%s/processes" % self.sandbox)["items"]
        self.assertIn(end["id"], [item["id"] for item in listed])
        self.assert_error(self.client.post(process + "/signal"), 409)
        self.assert_error(self.client.request("POST", process + "/stdin", b"more"), 409)

    def test_what_a_command_leaves_behind_goes_on(self):
        """A server that is started with "&" and prints now and then, as models write it."""
        end = self.client.exec(self.sandbox, "(while :; do echo noise; date +%s%N >/tmp/beat; sleep 0.02; done) & echo started")
        self.assertEqual((end["status"], end["exit_code"]), ("ok", 0))
        self.assertIn("started", end["stdout"])
        self.assertIn("goes on", end["note"])
        beats = {self.client.exec(self.sandbox, "sleep 0.1; cat /tmp/beat")["stdout"] for _ in range(3)}
        self.assertEqual(len(beats), 3)

    def test_signals(self):
        for signal, code in (("SIGTERM", 143), ("INT", 130), (9, 137), ("SIGUSR1", 138)):
            process = self.client.start(self.sandbox, ["sleep", "600"])
            self.client.expect(204, "POST", process + "/signal", {"signal": signal})
            end = self.client.expect(200, "GET", process + "/wait")
            self.assertEqual((end["status"], end["exit_code"]), ("signal", code))
        process = self.client.start(self.sandbox, "trap 'echo caught; exit 4' HUP; echo ready; while :; do sleep 0.05; done")
        self.assertTrue(wait_until(lambda: self.client.get(process + "/output").body))
        self.client.expect(204, "POST", process + "/signal", {"signal": "SIGHUP"})
        end = self.client.expect(200, "GET", process + "/wait")
        self.assertEqual((end["exit_code"], end["stdout"]), (4, "ready\ncaught\n"))
        process = self.client.start(self.sandbox, "sleep 600 & sleep 600")
        self.client.expect(204, "DELETE", process)
        self.assertFalse(self.client.expect(200, "GET", process + "/wait")["running"])
        self.assertTrue(wait_until(lambda: "sleep" not in self.run_it("cat /proc/*/comm")["stdout"]))
        for signal in (0, 65, "SIGNONE", True, -1):
            process = self.client.start(self.sandbox, ["sleep", "600"])
            self.assert_error(self.client.post(process + "/signal", {"signal": signal}), 400)

    def test_stream(self):
        events = list(self.client.events("POST", "/v1/sandboxes/%s/exec/stream" % self.sandbox, {"cmd": "for i in 1 2 3; do echo o$i; echo e$i >&2; sleep 0.1; done; exit 7"}))
        self.assertEqual((events[0][0], events[-1][0]), ("start", "exit"))
        for name, wanted in (("stdout", b"o1\no2\no3\n"), ("stderr", b"e1\ne2\ne3\n")):
            self.assertEqual(b"".join(bytes_of(data) for kind, data, _ in events if kind == name), wanted)
        self.assertEqual(events[-1][1]["exit_code"], 7)

    def test_characters_are_not_cut(self):
        text = "ü€😀" * 40_000
        self.client.expect(200, "PUT", "/v1/sandboxes/%s/fs?path=/tmp/text" % self.sandbox, text.encode())
        events = list(self.client.events("POST", "/v1/sandboxes/%s/exec/stream" % self.sandbox, {"argv": ["cat", "/tmp/text"]}))
        self.assertEqual("".join(data["chunk"] for kind, data, _ in events if kind == "stdout"), text)

    def test_output_that_is_not_text(self):
        command = ["python3", "-c", "import os; os.write(1, bytes(range(256)) * 700)"]
        ran = self.run_it(command)
        self.assertEqual((ran["status"], ran["stdout_bytes"]), ("ok", 256 * 700))
        self.assertTrue(ran["stdout"].startswith(bytes(range(128)).decode()), ran["stdout"][:200])
        for encoding in ("text", "base64"):
            events = list(self.client.events("POST", "/v1/sandboxes/%s/exec/stream?encoding=%s" % (self.sandbox, encoding), {"argv": command}))
            self.assertEqual((events[-1][0], events[-1][1]["stdout_bytes"]), ("exit", 256 * 700))
            if encoding == "base64":
                self.assertEqual(b"".join(bytes_of(data) for kind, data, _ in events if kind == "stdout"), bytes(range(256)) * 700)

    def test_stream_resumed(self):
        """However often the connection breaks, every byte comes once."""
        dice = random.Random(SEED)
        code = "import os, hashlib\nfor i in range(400): os.write(1, hashlib.sha256(b'%d' % i).digest() * 50); os.write(2, b'%d\\n' % i)"
        process = self.client.start(self.sandbox, ["python3", "-c", code])
        wanted = {"stdout": b"".join(hashlib.sha256(b"%d" % i).digest() * 50 for i in range(400)), "stderr": b"".join(b"%d\n" % i for i in range(400))}
        got, last, breaks = {"stdout": b"", "stderr": b""}, None, 0
        is_over = False
        while not is_over:
            by_header = dice.random() < 0.5
            query = "" if by_header else "&stdout=%d&stderr=%d" % (len(got["stdout"]), len(got["stderr"]))
            events = self.client.events("GET", process + "/stream?encoding=base64" + query, headers={"Last-Event-ID": last} if by_header and last else {})
            left = dice.randint(1, 12)
            for kind, data, number in events:
                if kind in got:
                    got[kind] += bytes_of(data)
                    last = number
                    left -= 1
                elif kind == "exit":
                    is_over = True
                if left <= 0 and not is_over and breaks < 30:
                    breaks += 1
                    break
            events.close()
        self.assertEqual(got, wanted, "seed %d" % SEED)

    def test_offsets_beyond_the_end(self):
        process = self.client.start(self.sandbox, "echo 12345")
        self.client.expect(200, "GET", process + "/wait")
        self.assertEqual(self.client.get(process + "/output?offset=2").body, b"345\n")
        self.assertEqual(self.client.get(process + "/output?offset=6").body, b"")
        self.assertEqual(self.client.get(process + "/output?offset=18446744073709551615").body, b"")
        events = list(self.client.events("GET", process + "/stream?stdout=1000000"))
        self.assertEqual([kind for kind, _, _ in events], ["start", "exit"])
        for query in ("offset=-1", "offset=x", "offset=99999999999999999999", "stream=other"):
            self.assert_error(self.client.get(process + "/output?" + query), 400)

    def test_an_answer_holds_only_so_much(self):
        sandbox = self.client.create(limits={"output": "16M", "output_total": "1G"})
        ran = self.client.exec(sandbox, "head -c 20000000 /dev/zero | tr '\\0' x; echo end")
        self.assertEqual((ran["status"], ran["stdout_bytes"], ran["stdout_dropped"]), ("ok", 20_000_004, 0))
        self.assertLess(len(ran["stdout"]), (4 << 20) + 100)
        self.assertEqual(ran["stdout_elided"], 20_000_004 - (4 << 20))
        self.assertTrue(ran["stdout"].endswith("xend\n"))
        answer = self.client.get("/v1/sandboxes/%s/processes/%s/output?stream=stdout" % (sandbox, ran["id"]))
        self.assertEqual(len(answer.body), 20_000_004)

    def test_much_output(self):
        """50 MB through memory's end to disk and back, each byte in its place."""
        code = ("import sys, hashlib\nblock = b''.join(hashlib.sha256(b'%d' % i).digest() for i in range(32768))\n"
                "for i in range(50): sys.stdout.buffer.write(b'%08d' % i + block[8:])")
        block = b"".join(hashlib.sha256(b"%d" % i).digest() for i in range(32768))
        wanted = hashlib.sha256()
        for i in range(50):
            wanted.update(b"%08d" % i + block[8:])
        process = self.client.start(self.sandbox, ["python3", "-c", code])
        end = wait_until(lambda: (lambda got: got if not got["running"] else None)(self.client.expect(200, "GET", process)))
        self.assertEqual((end["status"], end["stdout_bytes"], end["stdout_dropped"]), ("ok", 50 << 20, 0))
        answer = self.client.get(process + "/output")
        self.assertEqual((len(answer.body), answer.headers["Brig-Next-Offset"]), (50 << 20, str(50 << 20)))
        self.assertEqual(hashlib.sha256(answer.body).hexdigest(), wanted.hexdigest())
        tail = self.client.get(process + "/output?offset=%d" % ((50 << 20) - 1000)).body
        self.assertEqual(tail, answer.body[-1000:])
        short = self.client.expect(200, "GET", process + "/wait")
        self.assertGreater(short["stdout_elided"], 40 << 20)
        self.assertEqual(os.listdir(self.daemon.state + "/spool"), [])

    def test_output_total(self):
        sandbox = self.client.create(limits={"output": "64K", "output_total": "1M"})
        ran = self.client.exec(sandbox, ["cat", "/dev/zero"])
        self.assertEqual(ran["status"], "output_limit")
        self.assertEqual(self.client.exec(sandbox, "echo on")["stdout"], "on\n")

    def test_a_client_that_goes_leaves_the_command(self):
        stream = self.client.events("POST", "/v1/sandboxes/%s/exec/stream" % self.sandbox, {"cmd": "sleep 1; echo done > /tmp/mark; echo printed"})
        name, start, _ = next(stream)
        self.assertEqual(name, "start")
        stream.close()
        process = "/v1/sandboxes/%s/processes/%s" % (self.sandbox, start["id"])
        end = self.client.expect(200, "GET", process + "/wait")
        self.assertEqual((end["status"], end["stdout"]), ("ok", "printed\n"))
        self.assertEqual(self.run_it("cat /tmp/mark")["stdout"], "done\n")
        connection = service.Connection(self.client.address)  # the same for one that waits for its answer
        connection.request("POST", "/v1/sandboxes/%s/exec" % self.sandbox, json.dumps({"cmd": "sleep 1; echo done > /tmp/other"}), self.client.headers())
        self.assertTrue(wait_until(lambda: "/tmp/other" in str(self.client.expect(200, "GET", "/v1/sandboxes/%s/processes" % self.sandbox))))
        connection.close()
        self.assertTrue(wait_until(lambda: self.run_it("cat /tmp/other")["stdout"] == "done\n"))

    def test_many_at_once(self):
        sandbox = self.client.create(limits={"pids": 200})
        results = self.in_parallel(lambda i: self.client.exec(sandbox, "sleep 0.2; echo %d" % i), range(20))
        self.assertEqual([ran["stdout"] for ran in results], ["%d\n" % i for i in range(20)])

    def test_logs(self):
        self.run_it("echo one; echo two >&2")
        self.run_it("echo three")
        path = "/v1/sandboxes/%s/logs" % self.sandbox
        self.assertEqual(self.client.get(path).body, b"one\ntwo\nthree\n")
        self.assertEqual(self.client.get(path + "?stream=stderr").body, b"two\n")


class Output(ServiceCase):
    flags = ("--pool", "0", "--spool", "1M")

    def test_share_of_the_disk(self):
        sandbox = self.client.create()
        at = "/v1/sandboxes/%s/processes/" % sandbox
        first = self.client.exec(sandbox, "head -c 600000 /dev/zero")
        second = self.client.exec(sandbox, "head -c 700000 /dev/zero; head -c 200000 /dev/zero >&2")
        self.assertEqual([run["stdout_dropped"] + run["stderr_dropped"] for run in (first, second)], [0, 0])
        self.assert_error(self.client.get(at + first["id"]), 404)  # it had to make room
        self.assertEqual(len(self.client.get(at + second["id"] + "/output").body), 700_000)
        third = self.client.exec(sandbox, "head -c 3000000 /dev/zero; echo end >&2")
        self.assertEqual((third["status"], third["stderr"]), ("ok", "end\n"))
        kept = len(self.client.get(at + third["id"] + "/output").body)
        self.assertEqual(kept + third["stdout_dropped"], 3_000_000)
        self.assertGreater(kept, 900_000)
        self.assertLess(kept, (1 << 20) + 1)
        other = self.client.create()
        self.assertEqual(self.client.exec(other, "head -c 900000 /dev/zero")["stdout_dropped"], 0)

    def test_lines_as_they_come(self):
        """Many short ones, one that is longer than what is looked at at once, one whose end never comes, and of commands begun later."""
        sandbox = self.client.create()
        lines = self.client.events("GET", "/v1/sandboxes/%s/logs?follow=1&stream=stdout" % sandbox)
        self.client.start(sandbox, "seq 20000; head -c 150000 /dev/zero | tr '\\0' x; echo; printf half; sleep 0.2; echo; printf end")
        got = []
        while not got or got[-1] != "end":
            name, data, _ = next(lines)
            self.assertEqual((name, data["stream"]), ("line", "stdout"))
            got.append(data["line"])
        self.assertEqual(got[:20_000], ["%d\n" % i for i in range(1, 20_001)])
        long = got[20_000:-2]
        self.assertEqual("".join(long), "x" * 150_000 + "\n")
        self.assertLess(len(long), 5)
        self.assertEqual(got[-2:], ["half\n", "end"])
        self.client.start(sandbox, "echo later")
        self.assertEqual(next(lines)[1]["line"], "later\n")
        self.client.kill(sandbox)
        self.assertEqual(list(lines), [])

    def test_what_ended_commands_cost(self):
        sandbox = self.client.create()
        before = self.daemon.settled_descriptors()
        for _ in range(12):
            self.client.exec(sandbox, "head -c 70000 /dev/zero; head -c 5000 /dev/zero >&2")
        self.assertEqual(self.daemon.settled_descriptors(), before + 1)  # the one for all that is spooled
        # What a command was asked to do is remembered too, and counts.
        for _ in range(36):
            last = self.client.exec(sandbox, ["true", "x" * 50_000])["id"]
        kept = [item["id"] for item in self.client.expect(200, "GET", "/v1/sandboxes/%s/processes" % sandbox)["items"]]
        self.assertIn(last, kept)
        self.assertLess(len(kept), 22)
        self.assertEqual(self.daemon.settled_descriptors(), before)


class Terminals(ServiceCase):
    def setUp(self):
        super().setUp()
        self.sandbox = self.client.create()

    def start(self, command, rows=24, cols=80):
        return self.client.start(self.sandbox, command, terminal={"rows": rows, "cols": cols})

    def attach(self, process, query=""):
        socket = self.client.websocket(process + "/attach" + query)
        self.addCleanup(socket.close)
        self.assertEqual(socket.status, 101)
        return socket

    def test_shell(self):
        process = self.start(["sh"], 30, 100)
        terminal = self.attach(process)
        terminal.send(b"stty size; tty; echo a$((1+1))b\n")
        output = terminal.read_until(b"a2b")
        self.assertIn(b"30 100", output)
        self.assertIn(b"/dev/pts/", output)
        terminal.send_text({"type": "resize", "rows": 41, "cols": 123})
        terminal.send(b"stty size\n")
        terminal.read_until(b"41 123")
        self.client.expect(204, "POST", process + "/resize", {"rows": 10, "cols": 20})
        terminal.send(b"stty size\n")
        terminal.read_until(b"10 20")
        terminal.send(b"sleep 600\n")
        self.assertTrue(wait_until(lambda: "sleep" in self.client.exec(self.sandbox, "cat /proc/*/comm")["stdout"]))
        terminal.send(b"\x03")  # Ctrl-C ends the sleep, not the shell
        terminal.send(b"exit 9\n")
        _, end = terminal.read_to_end()
        self.assertEqual((end["exit_code"], end["exit"]), (9, 9))

    def test_detach_and_come_back(self):
        process = self.start(["sh"])
        first = self.attach(process)
        first.send(b"echo one$((1))\n")
        seen = first.read_until(b"one1")
        first.close()
        self.client.expect(200, "POST", process + "/stdin", b"echo two$((2))\n")
        self.assertTrue(wait_until(lambda: b"two2" in self.client.get(process + "/output").body))
        second = self.attach(process, "?offset=%d" % len(seen))
        seen = second.read_until(b"two2", seen)
        third = self.attach(process, "?offset=0")  # beside the second
        both = third.read_until(b"two2")
        second.send(b"exit\n")
        rest, end = second.read_to_end()
        self.assertEqual(end["exit_code"], 0)
        third_rest, _ = third.read_to_end()
        whole = self.client.get(process + "/output").body
        self.assertEqual(seen + rest, whole)
        self.assertEqual(both + third_rest, whole)

    def test_much_output(self):
        process = self.start("stty -opost; head -c 8000000 /dev/zero | tr '\\0' x; printf END")
        output, end = self.attach(process).read_to_end()
        self.assertEqual((end["status"], len(output)), ("ok", 8_000_003))
        self.assertEqual(output.strip(b"x"), b"END")

    def test_without_a_terminal(self):
        """The same socket serves pipes."""
        process = self.client.start(self.sandbox, ["cat"], keep_stdin=True)
        self.assert_error(self.client.post(process + "/resize", {"rows": 3, "cols": 3}), 409)
        pipe = self.attach(process)
        pipe.send(b"\x00\xffbytes")
        pipe.read_until(b"\x00\xffbytes")
        self.client.expect(204, "DELETE", process + "/stdin")
        _, end = pipe.read_to_end()
        self.assertEqual(end["status"], "ok")

    def test_sandbox_ends_under_a_terminal(self):
        terminal = self.attach(self.start(["sh"]))
        terminal.send(b"echo x$((1))\n")
        terminal.read_until(b"x1")
        self.client.kill(self.sandbox)
        _, end = terminal.read_to_end()
        self.assertIn("killed", end["note"])

if __name__ == "__main__":
    unittest.main()
