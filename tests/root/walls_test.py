#!/usr/bin/python3
"""The walls that OCI runtimes make: the same task has the same result on each, whoever is killed leaves nothing, and a runtime that is
missing, fails, hangs or dies is an error in words."""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import unittest

import harness

# One second for the program, ten for bringing files out, one of grace; and much for a busy machine.
END_OF_LIFE = 12 + 30

RUNC = "/usr/sbin/runc"


def why_not(wall):
    """Why this wall cannot be built here, in the words of brig doctor; None if it can."""
    doctor = subprocess.run([harness.BRIG, "doctor", "--json"], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    for found in json.loads(doctor.stdout)["walls"]:
        if found["runtime"] == wall and not found["is_available"]:
            return "; ".join("%s: %s" % (f["what"], f["why"]) for f in found["findings"] if f["state"] == "missing")
    return None


def hide(name, add_cleanup):
    """In the test's own mount namespace this program is not installed."""
    program = shutil.which(name)
    place = tempfile.mkdtemp(prefix="runtime-")
    add_cleanup(shutil.rmtree, place, True)
    upper, work = os.path.join(place, "upper"), os.path.join(place, "work")
    os.mkdir(upper)
    os.mkdir(work)
    folder = os.path.dirname(program)
    harness.mount("none", folder, "overlay", 0, "lowerdir=%s,upperdir=%s,workdir=%s" % (folder, upper, work))
    add_cleanup(lambda: harness.check(harness.libc.umount2(folder.encode(), 2), "umount"))
    os.remove(program)


class Wall:
    """The cases; each wall below has them all."""

    wall = None

    @classmethod
    def setUpClass(cls):
        why = why_not(cls.wall)
        if why:
            raise unittest.SkipTest("%s cannot be built here: %s" % (cls.wall, why))

    def walled(self, *arguments, **options):
        return self.brig("--runtime", self.wall, *arguments, **options)

    def same(self, *arguments, but=()):
        """The report of a run is that of the process wall, besides what only says how it was confined and what it cost."""
        told = ("attestation", "cpu_ms", "duration_ms", "peak_memory_bytes", *but)
        clean = lambda report: {key: value for key, value in report.items() if key not in told}
        expected = self.report("--runtime", "process", *arguments)
        found = self.report("--runtime", self.wall, *arguments)
        self.assertEqual(clean(found), clean(expected))
        self.assertEqual(found["attestation"]["runtime"], self.wall)
        return found

    def test_a_program_over_data(self):
        self.write("data.csv", "a,b\n1,2\n")
        self.write("secret", "of root", 0o600)
        report = self.same("--in", "data.csv", "--in", "secret", "-c",
                           "import os\nprint(open('data.csv').read(), open('secret').read(), os.getcwd(), os.getuid(), os.listdir('/home'))")
        self.assertIn("a,b", report["stdout"])

    def test_what_is_shown_cannot_be_written(self):
        self.write("data.csv", "x")
        report = self.same(
            "--in", "data.csv", "--lang", "bash", "-c",
            "for f in data.csv /usr/x /etc/x /x /dev/x /run/brig-init; do (echo y > $f) 2>/dev/null && echo wrote $f; done; true")
        self.assertEqual(report["stdout"], "")

    def test_files_come_back(self):
        out = os.path.join(self.folder, "out")
        ran = self.walled("--out", out, "--lang", "bash", "-c", "mkdir a; echo x > a/b; echo y > c")
        self.assertEqual(ran.code, 0, ran.err)
        self.assertEqual(harness.read(os.path.join(out, "a/b")), "x\n")

    def test_endings(self):
        for arguments in (["-c", "1/0"], ["--lang", "bash", "-c", "exit 7"], ["--lang", "bash", "-c", "kill -11 $$"],
                          ["--timeout", "500ms", "-c", "while True: pass"], ["--output", "1K", "--lang", "bash", "-c", "yes | head -c 100000"],
                          ["--disk", "1M", "--lang", "bash", "-c", "head -c 3000000 /dev/zero > /workspace/x; echo $?"],
                          ["--cpu-time", "1s", "-c", "while True: pass"],
                          ["--memory", "64M", "-c", "x = 'a' * 10**9"], ["--", "no-such-program"]):
            report = self.same(*arguments, but=("note", "stderr"))
            self.assertNotEqual(report["status"], "failed")

    def test_a_fork_bomb_stays_within_its_limit(self):
        ran = self.walled("--pids", "10", "-c", harness.COUNT_FORKS)
        self.assertEqual(ran.out, "9 11\n", ran.err)  # one is the program itself; EAGAIN

    def start_sleeper(self, *arguments):
        process = self.start("run", "--runtime", self.wall, *arguments, "--lang", "bash", "-c", "sleep 60")
        launch = harness.wait_until(lambda: harness.children(process.pid))[0]
        nanny = harness.wait_until(lambda: [pid for pid in harness.children(launch) if harness.name_of(pid) == "brig-nanny"])[0]
        self.assertTrue(harness.wait_until(lambda: self.is_up(nanny)), "the sandbox does not come up")
        return process, launch, nanny

    def test_whoever_is_killed_leaves_nothing(self):
        for who in ("brig", "launch", "nanny", "inside"):
            process, launch, nanny = self.start_sleeper()
            victim = {"brig": process.pid, "launch": launch, "nanny": nanny, "inside": harness.children(nanny)[0]}[who]
            os.kill(victim, signal.SIGKILL)
            ran = self.finish(process, patience=20)
            self.assertNotEqual(ran.code, 0, who)
            self.assert_nothing_left()

    def test_its_time_ends_it_when_all_of_brig_is_stopped(self):
        process, launch, nanny = self.start_sleeper("--timeout", "1s")
        for pid in (process.pid, launch):
            os.kill(pid, signal.SIGSTOP)
        self.assertTrue(harness.wait_until(lambda: not harness.is_alive(nanny), END_OF_LIFE), "it outlived its time")
        os.kill(process.pid, signal.SIGCONT)
        self.finish(process)


class Container(Wall, harness.BrigCase):
    wall = "container"

    @staticmethod
    def is_up(nanny):
        return "sleep" in [harness.name_of(pid) for pid in harness.descendants(nanny)]

    def test_it_is_below_a_higher_floor(self):
        ran = self.walled("--require", "user-space-kernel", "--", "true")
        self.assertEqual(ran.code, 125)
        self.assertIn("weaker", ran.err)


    def test_two_filters_stand_before_the_program(self):
        """The one of the configuration, and the one that every wall has; and a third where files of the host can be written."""
        report = self.report("--runtime", self.wall, "--lang", "bash", "-c", "grep Seccomp /proc/self/status")
        self.assertIn("Seccomp:\t2\nSeccomp_filters:\t2\n", report["stdout"])
        self.assertEqual(report["attestation"]["seccomp"]["filters"], 2)
        shared = os.path.join(self.folder, "shared")
        os.mkdir(shared)
        self.write("p.toml", '[[mount]]\nfrom = "%s"\nto = "/work"\naccess = "read-write"\ndanger.read_write_mount = "I understand that the sandbox can change these files"\n' % shared)
        report = self.report("--runtime", self.wall, "--policy", "p.toml", "--lang", "bash", "-c", "grep Seccomp_filters /proc/self/status")
        self.assertIn("Seccomp_filters:\t3\n", report["stdout"])
        self.assertEqual(report["attestation"]["seccomp"]["filters"], 3)


@unittest.skipUnless(shutil.which("crun"), "crun is not installed")
class Crun(Container):
    """The same wall where runc is not installed and crun is."""

    @classmethod
    def setUpClass(cls):
        if shutil.which("runc"):
            hide("runc", cls.addClassCleanup)
        super().setUpClass()

    def test_doctor_says_which(self):
        doctor = json.loads(self.finish(self.start("doctor", "--json")).out)
        findings = {f["what"]: f for wall in doctor["walls"] if wall["runtime"] == self.wall for f in wall["findings"]}
        self.assertEqual(findings["crun"]["why"], shutil.which("crun"))
        self.assertIn("not installed, not needed", findings["runc"]["why"])

    def test_what_is_mounted_in_dev_is_there(self):
        ran = self.walled("--lang", "bash", "-c", "head -c 3 /dev/zero | wc -c; echo x > /dev/shm/x && cat /dev/shm/x; ls /dev | xargs")
        self.assertEqual(ran.out, "3\nx\nfd full null ptmx pts random shm stderr stdin stdout tty urandom zero\n", ran.err)


class Gvisor(Wall, harness.BrigCase):
    wall = "gvisor"

    @staticmethod
    def is_up(nanny):
        """The file server, the sentry, and a process of the host's for each address space inside: the agent, bash, sleep."""
        return len(harness.descendants(nanny)) >= 6

    def test_it_is_what_a_floor_gives(self):
        report = self.report("--require", "user-space-kernel", "--", "true")
        self.assertEqual(report["attestation"]["runtime"], "gvisor")
        self.assertEqual(report["attestation"]["boundary"], "user-space-kernel")

    def test_the_kernel_inside_is_not_the_hosts(self):
        ran = self.walled("--lang", "bash", "-c", "cat /proc/version")
        self.assertNotEqual(ran.out.strip(), harness.read("/proc/version").strip())


@unittest.skipUnless(shutil.which("runc"), "runc is not installed")
class ARuntimeThatDoesNotDoItsPart(harness.BrigCase):
    """In the test's own mount namespace another program lies where runc was."""

    def replace(self, program):
        harness.mount(program, RUNC, None, 0x1000)  # MS_BIND
        self.addCleanup(lambda: harness.check(harness.libc.umount2(RUNC.encode(), 2), "umount"))

    def outside(self, name):
        """A place that left() does not take for a sandbox's."""
        folder = tempfile.mkdtemp(prefix="runtime-")
        self.addCleanup(shutil.rmtree, folder, True)
        return os.path.join(folder, name)

    def compiled(self, text):
        source = self.write("fake.c", "#include <stdio.h>\n#include <signal.h>\n#include <unistd.h>\nint main(void) { %s }\n" % text)
        program = self.outside("fake")
        if shutil.which("cc") is None:
            self.skipTest("no C compiler (cc) to make a runtime that misbehaves")
        subprocess.run(["cc", "-o", program, source], check=True)
        os.chmod(program, 0o755)
        return program

    def failed(self):
        ran = self.brig("--runtime", "container", "--", "true")
        self.assertEqual(ran.code, 125, ran.err)
        self.assert_nothing_left()
        return ran.err

    def test_one_that_fails_is_quoted(self):
        self.replace(self.compiled('fputs("no \\033[31m such luck\\n", stderr); return 3;'))
        err = self.failed()
        self.assertIn("could not make the sandbox (exit code 3)", err)
        self.assertIn('it said "no \\x1b[31m such luck"', err)

    def test_one_that_talks_for_ever_is_cut(self):
        self.replace(self.compiled('for (int i = 0; i < 60000; ++i) fputc(97, stderr); return 3;'))
        self.assertLess(len(self.failed()), 4000)

    def test_one_that_dies(self):
        self.replace(self.compiled("raise(SIGKILL);"))
        self.assertIn("signal 9", self.failed())

    def test_one_that_says_it_is_done_and_did_nothing(self):
        self.replace(self.compiled("return 0;"))
        self.assertIn("ended before the sandbox could say", self.failed())

    def test_one_that_hangs(self):
        self.replace(self.compiled("pause();"))
        self.assertIn("did not make the sandbox within", self.failed())

    def test_one_that_others_may_write(self):
        program = self.outside("fake")
        open(program, "w").close()
        os.chmod(program, 0o777)
        self.replace(program)
        self.assertIn("only root can write", self.failed())

    def test_one_that_is_missing(self):
        for name in filter(shutil.which, ("runc", "crun")):
            hide(name, self.addCleanup)
        err = self.failed()
        self.assertIn("apt-get install runc", err)


if __name__ == "__main__":
    harness.main()
