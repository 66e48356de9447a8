#!/usr/bin/python3
"""brig bench --api and --runtime: their flags, and that a small run has every number. How large they are is nobody's business here."""
import glob
import json
import os
import re
import signal
import subprocess
import tempfile
import unittest

import service
from service import BRIG, ServiceCase

TINY = ["-n", "2", "--clients", "2", "--seconds", "1", "--idle", "3", "--megabytes", "2"]


FOLDERS = os.path.join(tempfile.gettempdir(), "brig-bench-*")


def bench(*arguments, **more):
    return subprocess.run([BRIG, "bench", "--api", *arguments], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL, **more)


class Flags(unittest.TestCase):
    def test_help_names_them(self):
        done = bench("--help")
        self.assertEqual(done.returncode, 0, done.stderr)
        for flag in ("--json", "--n", "-n", "--rounds", "--clients", "--seconds", "--idle", "--megabytes", "--url", "--key"):
            with self.subTest(flag):
                self.assertRegex(done.stdout, r"(?m)^ .*%s\b" % re.escape(flag))
        self.assertIn("--api", subprocess.run([BRIG, "bench", "--help"], capture_output=True, text=True).stdout)

    def test_a_mistake_starts_nothing(self):
        for arguments, word in ((["-n", "0"], "--rounds"), (["--clients", "many"], "--clients"), (["--seconds", "-1"], "--seconds"), (["--idle", "10001"], "--idle"),
                                (["--megabytes", "1e3"], "--megabytes"), (["--key", "brig_0"], "--url"), (["--sooner"], "--sooner"), (["-n"], "--rounds")):
            with self.subTest(arguments):
                done = bench(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(word, done.stderr)

    def test_a_daemon_that_is_not_there(self):
        done = bench("--url", "http://127.0.0.1:1", "--key", "brig_" + "0" * 40, *TINY)
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        self.assertIn("reach the daemon", done.stderr)


class Walls(unittest.TestCase):
    def bench(self, *arguments):
        return subprocess.run([BRIG, "bench", *arguments], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)

    def test_a_wall_that_is_none_starts_nothing(self):
        done = self.bench("--runtime", "procss", "-n", "1")
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertIn('did you mean "process"', done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
    def test_every_wall_that_works_here_stands_next_to_its_bare_tool(self):
        before, owner = set(glob.glob(FOLDERS)), os.stat("/dev/null").st_uid
        done = self.bench("--runtime", "all", "--json", "-n", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(os.stat("/dev/null").st_uid, owner, "runsc gives its streams to the container's user")
        self.assertEqual(set(glob.glob(FOLDERS)) - before, set())
        works = {wall["runtime"] for wall in json.loads(subprocess.run([BRIG, "doctor", "--json"], capture_output=True).stdout)["walls"]
                 if wall["is_available"]}
        found = json.loads(done.stdout)
        cases = {case["case"]: case for case in found["cases"]}
        self.assertEqual(set(cases), works)
        skipped = {one["case"]: one["why"] for one in found["skipped"]}
        self.assertEqual(set(skipped), {"process", "container", "gvisor", "docker", "podman"} - works)
        for wall, why in skipped.items():
            self.assertGreater(len(why), 10, wall)
        for wall, peer in (("process", "bwrap"), ("container", "runc run"), ("gvisor", "runsc run")):
            if wall not in works:
                continue
            with self.subTest(wall):
                self.assertGreater(cases[wall]["ratios"]["brig / " + peer], 0)
                for name, figures in cases[wall]["contenders"].items():
                    self.assertEqual((figures["failures"], figures["n"]), (0, 1), name)


class Interpreter(unittest.TestCase):
    def bench(self, *arguments):
        return subprocess.run([BRIG, "bench", "--interpreter", *arguments], capture_output=True, text=True, timeout=300, stdin=subprocess.DEVNULL)

    def test_a_mistake_starts_nothing(self):
        for arguments, word in ((["-n", "0"], "--rounds"), (["--sooner"], "--sooner")):
            with self.subTest(arguments):
                done = self.bench(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn(word, done.stderr)
        self.assertIn("--ipykernel", self.bench("--help").stdout)

    @unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
    @unittest.skipUnless(os.path.isdir("/usr/lib/python3/dist-packages/pandas"), "no pandas and matplotlib in /usr")
    def test_every_number_is_there_and_nothing_is_left(self):
        before = set(glob.glob(FOLDERS))
        done = self.bench("--json", "-n", "1")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(set(glob.glob(FOLDERS)) - before, set())
        figures = json.loads(done.stdout)
        self.assertEqual(figures["troubles"], [])
        self.assertEqual(figures["from_pool"], 1)
        cells = ("imports", "1 + 1", "first data frame", "first plot", "plot")
        names = ["brig: create + context + 1 + 1", "bare python: start"] + ["brig, %s: context" % way for way in ("forked", "cold")]
        for name in names + ["%s: %s" % (who, cell) for who in ("brig, forked", "brig, cold", "bare python") for cell in cells]:
            with self.subTest(name):
                self.assertEqual((figures["rounds"][name]["n"], figures["rounds"][name]["failures"]), (2 if name.endswith(": plot") else 1, 0))
        self.assertIn("brig, forked: plot / bare python: plot", figures["ratios"])


@unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
class OwnDaemon(unittest.TestCase):
    def test_every_number_is_there_and_nothing_is_left(self):
        before = set(glob.glob(FOLDERS))
        done = bench("--json", *TINY)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(set(glob.glob(FOLDERS)) - before, set())
        figures = json.loads(done.stdout)
        self.assertEqual(figures["troubles"], [])
        for name in ("healthz", "create (made)", "exec true", "create + exec + kill", "kill", "fork + exec true"):
            with self.subTest(name):
                self.assertGreaterEqual(figures["one_client"][name]["n"], 2)
                self.assertGreater(figures["one_client"][name]["p99_ms"], 0)
        for name in ("create", "exec", "kill", "all_three"):
            with self.subTest(name):
                self.assertEqual((figures["crowd"][name]["n"], figures["crowd"][name]["failures"]), (4, 0))
        self.assertGreater(figures["create_kill"]["sandboxes"], 0)
        self.assertEqual(figures["create_kill"]["failures"], 0)
        self.assertEqual(figures["idle"]["sandboxes"], 3)
        self.assertGreater(figures["idle"]["processes_mb"], 0)
        for name in ("file in", "file out", "output, WebSocket", "output, events", "output, without us"):
            with self.subTest(name):
                self.assertEqual((figures["streams"][name]["n"], figures["streams"][name]["failures"]), (3, 0))
        self.assertIn("exec true / fork + exec true", figures["ratios"])


    def test_a_signal_leaves_nothing(self):
        before = set(glob.glob(FOLDERS))
        process = subprocess.Popen([BRIG, "bench", "--api", "-n", "100000"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def daemons():
            return [pid for pid in service.descendants(process.pid) if service.name_of(pid) == "brig-launch"]
        self.assertTrue(service.wait_until(daemons))
        everything = service.descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        out, complaint = process.communicate(timeout=service.PATIENCE)
        self.assertEqual((process.returncode, out), (125, b""))
        self.assertIn(b"stopped by a signal", complaint)
        self.assertTrue(service.wait_until(lambda: not any(service.is_alive(pid) for pid in everything)))
        self.assertEqual(set(glob.glob(FOLDERS)) - before, set())


@unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
class AnotherDaemon(ServiceCase):
    def test_it_is_measured_and_left_as_it_was(self):
        done = bench("--url", "http://%s:%d" % self.daemon.address, *TINY, env={**os.environ, "BRIG_API_KEY": self.daemon.key})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("memory is measured of the bench's own daemon only", done.stdout)
        self.assertNotIn("failed:", done.stdout)
        self.assertEqual(self.daemon.client().get("/v1/sandboxes").json()["items"], [])


if __name__ == "__main__":
    unittest.main()
