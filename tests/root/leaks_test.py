#!/usr/bin/python3
"""Hundreds of runs, and runs killed at random moments, leave the machine as it was."""
import os
import random
import signal
import subprocess
import time
import unittest

import harness

RUNS = int(os.environ.get("BRIG_LEAK_RUNS", "500"))
KILLS = int(os.environ.get("BRIG_CHAOS_KILLS", "50"))
SEED = int(os.environ.get("BRIG_CHAOS_SEED", str(time.time_ns() % 1_000_000)))


def lines(path):
    """A mountinfo without the numbers that say nothing about what is mounted."""
    return sorted(line.split(" ", 2)[2] for line in harness.read(path).splitlines())


def files_below(folder):
    return sorted(os.path.join(at, name) for at, folders, names in os.walk(folder) for name in folders + names)


class Leaks(harness.BrigCase):
    def baseline(self):
        """Everything that could grow. Groups, mounts of process 1 and the like are counted if they are ours: others may use the machine."""
        harness.reap_orphans()
        return {
            "mounts": lines("/proc/self/mountinfo"),
            "mounts of process 1": [line for line in lines("/proc/1/mountinfo") if "brig-" in line],
            "processes": harness.descendants(os.getpid()),
            "descriptors": sorted(os.listdir("/proc/self/fd")),
            "/tmp": [name for name in files_below("/tmp") if not name.startswith(self.folder)],
            "home": files_below(self.home),
            "groups": [group for pid in self.pids for group in harness.brig_groups(pid)],
            "shared memory": sorted(os.listdir("/dev/shm")),
            "message queues": harness.read("/proc/sysvipc/msg").count("\n") + harness.read("/proc/sysvipc/shm").count("\n"),
        }

    def setUp(self):
        super().setUp()
        self.home = os.path.join(self.folder, "home")
        os.mkdir(self.home)
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": self.home}

    def kinds(self):
        data = self.write("data", "secret", 0o600)
        out = os.path.join(self.folder, "out")
        return [
            (["--", "true"], 0),
            (["--", "false"], 1),
            (["--lang", "bash", "-c", "sleep 30 & setsid sleep 30 & mkfifo p; ln -s / l; exit 3"], 3),
            (["--timeout", "30ms", "--", "sleep", "30"], 124),
            (["--in", data, "--", "cat", "data"], 0),
            (["--in", data + ":/in/a/b", "--in", self.folder + ":/whole", "--", "ls", "/in/a", "/whole"], 0),
            (["--out", out, "--lang", "bash", "-c", "mkdir a; echo x > a/b; echo y > c"], 0),
            (["--json", "--lang", "bash", "-c", "kill -9 $$"], 137),
            (["--memory", "8M", "--lang", "bash", "-c", "x=$(head -c 100M /dev/zero | tr '\\\\0' x)"], None),
            (["--", "no-such-program"], 127),
        ]

    def test_many_runs(self):
        kinds = self.kinds()
        for arguments, _ in kinds:
            self.brig(*arguments, env=self.environment)  # out/ exists from now on
        before = self.baseline()
        running = []
        for number in range(RUNS):
            arguments, code = kinds[number % len(kinds)]
            process = self.start("run", *arguments, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            running.append((process, code, arguments))
            if len(running) == 4:
                self.end_of(running)
        self.end_of(running)
        harness.wait_until(lambda: self.baseline() == before, 2)
        after = self.baseline()
        for what in before:
            self.assertEqual(after[what], before[what], what)
        self.pids.clear()
        print("%d runs" % RUNS)

    def end_of(self, running):
        for process, code, arguments in running:
            self.assertIn(process.wait(timeout=60), (code,) if code is not None else range(256), arguments)
        running.clear()

    def test_killed_at_random_moments(self):
        print("seed %d" % SEED)
        dice = random.Random(SEED)
        data = self.write("data", "secret", 0o600)  # an id-mapped mount takes a helper process
        before = self.baseline()
        hits = {"brig": 0, "launch": 0, "init": 0}
        for number in range(KILLS * 3):
            role = ("brig", "launch", "init")[number % 3]
            process = self.start("run", "--in", data, "--timeout", "20s", "--", "sleep", "20", env=self.environment,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.pids = [process.pid]
            victim = process.pid if role == "brig" else self.find(process.pid, role)
            time.sleep(dice.uniform(0, 0.02))
            try:
                os.kill(victim, signal.SIGKILL)
                hits[role] += 1
            except ProcessLookupError:
                pass
            if role != "brig":
                self.assertTrue(harness.wait_until(lambda: process.poll() is not None, 15), "brig outlives its %s" % role)
            process.wait()
            if not harness.wait_until(lambda: not self.left(), 2):
                self.fail("seed %d, kill %d (%s): left %s" % (SEED, number, role, self.left()))
        self.assertGreater(min(hits.values()), KILLS * 0.8, hits)
        after = self.baseline()
        for what in before:
            self.assertEqual(after[what], before[what], what)
        print("killed: %s" % hits)

    @staticmethod
    def find(brig, role):
        def look():
            for launch in harness.children(brig):
                if role == "launch":
                    return launch
                for init in harness.children(launch):
                    if len((harness.read("/proc/%d/status" % init) or "").partition("NSpid:")[2].partition("\n")[0].split()) == 2:
                        return init  # pid 1 of its own namespace, whatever program it has become yet
            return None
        while True:  # as early as can be
            found = look()
            if found or not harness.is_alive(brig):
                return found or brig


if __name__ == "__main__":
    harness.main()
