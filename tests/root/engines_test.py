#!/usr/bin/python3
"""Docker and Podman from the command line: brig uses engines that this test starts, at private sockets and in private folders, and ends
again; a run that names none connects to none."""
import contextlib
import glob
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import unittest

import harness

DOCKERD, PODMAN = "/usr/sbin/dockerd", "/usr/bin/podman"
CONTAINERS = "/v1.41/containers/json?all=1"


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Engine:
    def __init__(self, kind):
        self.folder = tempfile.mkdtemp(prefix="brig-engine-")
        self.socket = os.path.join(self.folder, "engine.sock")
        folder = self.folder
        words = [DOCKERD, "--data-root=" + folder + "/data", "--exec-root=" + folder + "/exec", "--pidfile=" + folder + "/pid",
                 "--host=unix://" + self.socket, "--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
                 "--exec-opt=native.cgroupdriver=cgroupfs"] if kind == "docker" else [
                     PODMAN, "--root=" + folder + "/data", "--runroot=" + folder + "/exec", "--tmpdir=" + folder + "/tmp",
                     "--cgroup-manager=cgroupfs", "--runtime=/usr/sbin/runc", "--events-backend=none", "system", "service", "--time=0",
                     "unix://" + self.socket]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder}
        with open(folder + "/log", "w") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, cwd=folder)  # conmon leaves files where it is
        if not harness.wait_until(lambda: self.process.poll() is not None or self.is_ready(), pause=0.1) or self.process.poll() is not None:
            with open(folder + "/log") as log:
                said = log.read()[-500:]
            self.stop()
            raise unittest.SkipTest("%s does not start here: %s" % (words[0], said))

    def ask(self, target):
        with contextlib.closing(Connection(self.socket)) as connection:
            connection.request("GET", target)
            return json.loads(connection.getresponse().read())

    def is_ready(self):
        try:
            return bool(self.ask("/v1.41/version"))
        except (OSError, ValueError, http.client.HTTPException):
            return False

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        for line in harness.read("/proc/self/mounts").splitlines():
            if line.split()[1].startswith(self.folder + "/"):
                harness.libc.umount2(line.split()[1].encode(), 2)  # MNT_DETACH
        shutil.rmtree(self.folder, ignore_errors=True)


class Wall:
    """The cases; each engine below has them all."""

    kind = daemon = variable = None

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            raise unittest.SkipTest("needs root: starts an engine")
        if not os.path.exists(cls.daemon):
            raise unittest.SkipTest(cls.daemon + " is not installed (scripts/install-deps test)")
        cls.engine = Engine(cls.kind)
        os.environ[cls.variable] = "unix://" + cls.engine.socket

    @classmethod
    def tearDownClass(cls):
        del os.environ[cls.variable]
        cls.engine.stop()

    def walled(self, *arguments, **options):
        return self.brig("--runtime", self.kind, *arguments, **options)

    def left(self):
        """After each test: of the sandboxes, not of the engine, which is a child of this test as well."""
        brigs = [harness.name_of(pid) for pid in harness.descendants(os.getpid()) if harness.name_of(pid).startswith("brig")]
        return brigs + self.engine.ask(CONTAINERS) + glob.glob("/run/brig/engine-*")

    def assert_nothing_left(self, patience=harness.PATIENCE):
        super().assert_nothing_left(patience)

    def test_a_program_and_its_files(self):
        self.write("data.csv", "a,b\n1,2\n")
        out = os.path.join(self.folder, "out")
        report = self.report("--runtime", self.kind, "--in", "data.csv", "--out", out, "-c",
                             "print(open('data.csv').read(), 6*7); import os; os.makedirs('/workspace/out', exist_ok=True)")
        self.assertEqual(report["status"], "ok", report)
        self.assertIn("1,2\n 42", report["stdout"])
        self.assertEqual(report["attestation"]["runtime"], self.kind)
        self.assertEqual(report["attestation"]["boundary"], "shared-kernel")

    def test_verdicts(self):
        for status, arguments in (("error", ("--lang", "bash", "-c", "exit 3")),
                                  ("timeout", ("--timeout", "1s", "--lang", "bash", "-c", "sleep 100")),
                                  ("memory_limit", ("--memory", "64M", "-c", "x = bytearray(200 << 20); print(len(x))"))):
            with self.subTest(status):
                self.assertEqual(self.report("--runtime", self.kind, *arguments)["status"], status)

    def test_doctor_has_a_row(self):
        doctor = subprocess.run([harness.BRIG, "doctor", "--json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        walls = [wall["runtime"] for wall in json.loads(doctor.stdout)["walls"]]
        self.assertEqual(walls[-2:], ["docker", "podman"])
        found = {wall["runtime"]: wall for wall in json.loads(doctor.stdout)["walls"]}[self.kind]
        self.assertTrue(found["is_available"], found)
        self.assertIn(self.engine.socket, json.dumps(found))

    def test_attacks_hold(self):
        ran = subprocess.run([harness.BRIG, "attack", "--runtime", self.kind, "--json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        attacks = json.loads(ran.stdout)["attacks"]
        wrong = [probe for probe in attacks["probes"] if probe["verdict"] not in ("held", "not applicable", "not enforced")]
        self.assertEqual(wrong, [])
        weak = {probe["name"] for probe in attacks["probes"] if probe["verdict"] == "not enforced"}
        self.assertLessEqual(weak, {"118_cgroup_path", "321_set_id_mounts"}, "what the attestation names, and no more")
        self.assertGreater(attacks["held"], 100)

    def test_whoever_kills_brig_ends_the_sandbox(self):
        brig = self.start("run", "--runtime", self.kind, "--lang", "bash", "-c", "sleep 1000")
        self.assertTrue(harness.wait_until(lambda: [c for c in self.engine.ask(CONTAINERS) if c["State"] == "running"]))
        brig.send_signal(signal.SIGKILL)
        brig.wait()

    def test_the_bench_measures_it_next_to_its_own_tool(self):
        images = lambda: sorted(image["Id"] for image in self.engine.ask("/v1.41/images/json"))
        before = images()
        ran = self.finish(self.start("bench", "--runtime", self.kind, "--json", "-n", "1"))
        self.assertEqual(ran.code, 0, ran.err)
        found = ran.json()
        self.assertEqual([case["case"] for case in found["cases"]], [self.kind])
        if shutil.which(self.kind):
            self.assertGreater(found["cases"][0]["ratios"]["brig / %s run" % self.kind], 0)
        for name, figures in found["cases"][0]["contenders"].items():
            self.assertEqual((figures["failures"], figures["n"]), (0, 1), name)
        self.assertLessEqual(len(set(images()) - set(before)), 1, "brig's own image is kept, the bench's is not")

    def test_no_weaknesses_is_a_refusal(self):
        ran = self.walled("--no-weaknesses", "-c", "1")
        self.assertEqual(ran.code, 125)
        self.assertIn("believed", ran.err)


class Docker(Wall, harness.BrigCase):
    kind, daemon, variable = "docker", DOCKERD, "DOCKER_HOST"


class Podman(Wall, harness.BrigCase):
    kind, daemon, variable = "podman", PODMAN, "CONTAINER_HOST"


class NoEngine(harness.BrigCase):
    def test_who_names_none_connects_to_none(self):
        path = os.path.join(self.folder, "engine.sock")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(path)
        listening.listen()
        came = []

        def accept():
            while True:
                try:
                    came.append(listening.accept())
                except OSError:
                    return

        threading.Thread(target=accept, daemon=True).start()
        os.environ["DOCKER_HOST"] = os.environ["CONTAINER_HOST"] = "unix://" + path
        try:
            for arguments in ((), ("--runtime", "auto"), ("--runtime", "fastest")):
                self.brig(*arguments, "-c", "1")
        finally:
            del os.environ["DOCKER_HOST"], os.environ["CONTAINER_HOST"]
        self.assertEqual(came, [])
        listening.close()
        for one, _ in came:
            one.close()

    def test_none_is_said_with_the_way_to_get_one(self):
        os.environ["DOCKER_HOST"] = "unix:///nowhere/at/all"
        try:
            ran = self.brig("--runtime", "docker", "-c", "1")
        finally:
            del os.environ["DOCKER_HOST"]
        self.assertEqual(ran.code, 125)
        self.assertIn("/nowhere/at/all", ran.err)
        self.assertIn("apt-get install docker.io", ran.err)


if __name__ == "__main__":
    unittest.main(verbosity=2)
