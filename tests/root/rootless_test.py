#!/usr/bin/python3
"""Without root, without user namespaces, without a Python in /usr: what is weaker is named, or the run is refused."""
import os
import shutil
import subprocess
import sys
import unittest

import harness

# Runs its arguments in a user namespace in which no further one may be made (the limit is per namespace; the host's stays).
NO_NAMESPACES = """if True:
    import os, sys
    with open("/proc/sys/user/max_user_namespaces", "w") as limit: limit.write("0")
    os.execv(sys.argv[1], sys.argv[1:])
    """
NO_GROUPS = "mount --make-rprivate / && umount -l /sys/fs/cgroup && exec \"$@\""
# Exchanges two files as fast as it can (renameat2, RENAME_EXCHANGE).
EXCHANGE = """if True:
    import ctypes
    libc = ctypes.CDLL(None)
    while True: libc.renameat2(-100, b"first", -100, b"second", 2)
    """
HAS_MATPLOTLIB = subprocess.run(["/usr/bin/python3", "-c", "import matplotlib"], capture_output=True).returncode == 0
WEAKER = ("memory: ", "cpu: ", "identity: ")


class Rootless(harness.BrigCase):
    """As the user nobody, with copies of the programs where that user can read them."""

    def setUp(self):
        super().setUp()
        os.chmod(self.folder, 0o755)
        for name in harness.PROGRAMS:
            shutil.copy(os.path.join(harness.BIN, name), self.folder)
        self.program = os.path.join(self.folder, "brig")
        self.home = os.path.join(self.folder, "home")
        os.mkdir(self.home)
        os.chown(self.home, harness.NOBODY, harness.NOBODY)

    def start(self, *arguments, **options):
        if "program" not in options:
            options |= {"user": harness.NOBODY, "group": harness.NOBODY, "extra_groups": [], "cwd": self.home}
        return super().start(*arguments, **options)

    def test_runs(self):
        ran = self.brig("-c", "import os; print(os.getuid(), os.getpid() > 1, open('/etc/passwd').read().count(':'))")
        self.assertEqual(ran.code, 0, ran.err)
        self.assertTrue(ran.out.startswith("1000 True "), ran.out)

    def test_takes_few_of_the_callers_instances_of_inotify(self):
        ran = self.brig("-c", "import ctypes\nc = ctypes.CDLL(None)\ncount = 0\nwhile c.inotify_init1(0) >= 0: count += 1\nprint(count)")
        self.assertEqual((ran.code, ran.out), (0, "8\n"), ran.err)

    @unittest.skipUnless(HAS_MATPLOTLIB, "needs matplotlib (python3-matplotlib)")
    def test_draws_within_the_memory_of_each_process(self):
        ran = self.brig("--timeout", "20s", "-c", "import matplotlib.pyplot as p; p.plot([1]); p.savefig('a.png'); print('drawn')")
        self.assertEqual((ran.code, ran.out), (0, "drawn\n"), ran.err)

    def test_what_was_not_measured_is_not_reported(self):
        err = self.brig("--report", "--timeout", "200ms", "--", "sleep", "5").err
        self.assertRegex(err, r"(?m)^status     timeout in 0\.\d s$|^status     timeout in \d+ ms$")

    def test_weaknesses_are_told(self):
        ran = self.brig("--", "true")
        self.assertEqual(ran.code, 0)
        for word in WEAKER:
            self.assertIn("brig: weakness: " + word, ran.err)
        attestation = self.report("--", "true")["attestation"]
        for word in WEAKER:
            self.assertTrue([w for w in attestation["weaknesses"] if w.startswith(word)], attestation["weaknesses"])
        self.assertEqual(attestation["user_mapping"], "1000 -> %d" % harness.NOBODY)
        self.assertEqual(attestation["cgroup"], {"version": "none", "memory_bytes": None, "pids": None, "cpu_millis": None})
        self.assertEqual(attestation["capabilities"], "none")
        self.assertEqual(len(attestation["namespaces"]), 7)

    def test_weaknesses_can_be_refused(self):
        for flags in (["--no-weaknesses"], ["--preset", "strict"]):
            with self.subTest(flags):
                ran = self.brig(*flags, "--", "true")
                self.assertEqual((ran.code, ran.out), (125, ""), ran.err)
                for word in WEAKER:
                    self.assertIn(word, ran.err)
                self.assertEqual(ran.err.count("\n"), 1)

    def test_memory_of_each_process(self):
        report = self.report("--memory", "64M", "-c", "x = bytearray(1 << 30)")
        self.assertEqual((report["status"], report["error"]["name"]), ("error", "MemoryError"), report)

    def test_shared_memory_is_not_limited_and_that_is_told(self):
        code = "import mmap\nm = mmap.mmap(-1, 96 << 20)\nfor i in range(0, len(m), 4096): m[i] = 1\nprint('touched')"
        report = self.report("--memory", "64M", "-c", code)
        self.assertEqual((report["status"], report["stdout"]), ("ok", "touched\n"), report)
        memory = [w for w in report["attestation"]["weaknesses"] if w.startswith("memory: ")]
        self.assertIn("shared memory is not limited", memory[0])

    def test_processes(self):
        self.assertEqual(self.report("--pids", "16", "-c", harness.COUNT_FORKS)["stdout"], "15 11\n")

    def test_processes_of_one_sandbox_do_not_count_in_another(self):
        first = self.start("run", "--pids", "8", "--lang", "bash", "-c", "for i in 1 2 3 4 5; do sleep 60 & done; wait")
        jail = harness.Jail.wait(first.pid)
        self.assertTrue(harness.wait_until(lambda: len(jail.inside()) >= 7))
        self.assertEqual(self.brig("--pids", "8", "--lang", "bash", "-c", "sleep 0.1 & sleep 0.1 & wait; echo fine").out, "fine\n")
        first.terminate()
        self.assertEqual(self.finish(first).code, 143)

    def test_time(self):
        self.assertEqual(self.report("--timeout", "500ms", "-c", "while True: pass")["status"], "timeout")
        self.assertEqual(self.report("--timeout", "20s", "--cpu-time", "1s", "-c", "while True: pass")["status"], "cpu_limit")

    def test_disk(self):
        report = self.report("--disk", "4M", "-c", "open('big', 'wb').write(b'x' * (3 << 20)); open('more', 'wb').write(b'x' * (3 << 20))")
        self.assertEqual((report["error"]["name"], report["limits_hit"]), ("OSError", ["disk"]))

    def test_files_in_and_out(self):
        path = os.path.join(self.home, "mine")
        with open(path, "w") as file:
            file.write("mine")
        os.chmod(path, 0o600)
        os.chown(path, harness.NOBODY, harness.NOBODY)
        ran = self.brig("--in", "mine", "--out", "o", "--lang", "bash", "-c", "cat mine; echo x > mine; echo made > new")
        self.assertEqual(ran.out, "mine", ran.err)
        self.assertEqual(harness.read(path), "mine")
        made = os.path.join(self.home, "o/new")
        self.assertEqual((harness.read(made), os.stat(made).st_uid), ("made\n", harness.NOBODY))

    def test_files_of_others_stay_closed(self):
        self.write("roots", "secret", 0o600)
        ran = self.brig("--in", os.path.join(self.folder, "roots"), "--", "cat", "roots")
        self.assertEqual(ran.code, 2, ran.err)
        self.assertIn("you may not read it yourself", ran.err)
        self.assertNotIn("secret", ran.out)

    def test_a_source_that_is_exchanged_meanwhile(self):
        """Without root a source is found by its path a second time: what was looked at is shown, or nothing."""
        for name in ("first", "second"):
            with open(os.path.join(self.home, name), "w") as file:
                file.write(name)
        swapping = subprocess.Popen([sys.executable, "-c", EXCHANGE], cwd=self.home)
        self.addCleanup(swapping.wait)
        self.addCleanup(swapping.kill)
        stale = 0
        for _ in range(40):
            ran = self.brig("--in", "first", "--", "cat", "first")
            if ran.code == 125:
                self.assertIn("Stale file handle", ran.err)
                stale += 1
            else:
                self.assertIn((ran.code, ran.out), ((0, "first"), (0, "second")), ran.err)
        print("%d of 40 runs met an exchanged source" % stale)
        swapping.kill()
        swapping.wait()

    def test_killed(self):
        for role in ("brig", "launch", "init"):
            process = self.start("run", "--", "sleep", "60")
            jail = harness.Jail.wait(process.pid)
            inside = jail.inside()
            os.kill(getattr(jail, role), 9)
            self.assertTrue(harness.wait_until(lambda: not any(map(harness.is_alive, inside))))
            self.finish(process)
            self.assert_nothing_left()


class RootlessContainer(Rootless):
    """The same behind the container wall: an OCI runtime in a user namespace of the user's own."""

    @classmethod
    def setUpClass(cls):
        if not shutil.which("runc"):
            raise unittest.SkipTest("runc is not installed")

    def start(self, *arguments, **options):
        if arguments[0] == "run":
            arguments = ("run", "--runtime", "container", *arguments[1:])
        return super().start(*arguments, **options)

    def nanny_of(self, process):
        launch = harness.wait_until(lambda: harness.children(process.pid))[0]
        nanny = harness.wait_until(lambda: [pid for pid in harness.children(launch) if harness.name_of(pid) == "brig-nanny"])[0]
        self.assertTrue(harness.wait_until(lambda: "sleep" in map(harness.name_of, harness.descendants(nanny))))
        return launch, nanny

    def test_confined_as_with_root(self):
        report = self.report("--lang", "bash", "-c", "grep -E 'Cap(Prm|Eff|Bnd)|NoNewPrivs|Seccomp' /proc/self/status; cat /proc/self/uid_map; ls /proc/1/root")
        self.assertEqual(report["stdout"].split(),
                         ["CapPrm:", "0" * 16, "CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2", "Seccomp_filters:", "2",
                          "1000", "0", "1"])
        attestation = report["attestation"]
        self.assertEqual((attestation["runtime"], attestation["seccomp"]["filters"], attestation["rootfs"]["read_only"]), ("container", 2, True))

    def test_processes_of_one_sandbox_do_not_count_in_another(self):
        first = self.start("run", "--pids", "8", "--lang", "bash", "-c", "for i in 1 2 3 4 5; do sleep 60 & done; wait")
        _, nanny = self.nanny_of(first)
        self.assertTrue(harness.wait_until(lambda: len(harness.descendants(nanny)) >= 7))
        self.assertEqual(self.brig("--pids", "8", "--lang", "bash", "-c", "sleep 0.1 & sleep 0.1 & wait; echo fine").out, "fine\n")
        first.terminate()
        self.assertEqual(self.finish(first).code, 143)

    def test_killed(self):
        for role in ("brig", "launch", "nanny", "inside"):
            process = self.start("run", "--", "sleep", "60")
            launch, nanny = self.nanny_of(process)
            inside = harness.descendants(nanny)
            os.kill({"brig": process.pid, "launch": launch, "nanny": nanny, "inside": inside[0]}[role], 9)
            self.assertTrue(harness.wait_until(lambda: not any(map(harness.is_alive, inside))))
            self.finish(process)
            self.assert_nothing_left()

    def test_gvisor_says_that_it_needs_root(self):
        ran = super().start("run", "--runtime", "gvisor", "--", "true")
        err = self.finish(ran).err
        self.assertIn("run by root only", err)
        self.assertIn("run brig with sudo", err)


class ContainerRoot(harness.BrigCase):
    """Root in name, as in most containers: without ids to give away, or without capabilities."""

    WITHOUT_IDS = ["/usr/bin/unshare", "-Ur"]
    WITHOUT_CAPABILITIES = ["/usr/bin/setpriv", "--bounding-set=-sys_admin"]
    HIDE_GROUPS = ["/usr/bin/unshare", "-m", "/bin/sh", "-c", NO_GROUPS, "sh"]

    def test_runs_as_without_root(self):
        self.write("data", "data", 0o600)
        for wrapper in self.WITHOUT_IDS, self.WITHOUT_CAPABILITIES:
            with self.subTest(wrapper[0]):
                ran = self.finish(self.start("run", "--in", "data", "--lang", "bash", "-c", "id -u; cat data",
                                             program=[*wrapper, harness.BRIG]))
                self.assertEqual((ran.code, ran.out), (0, "1000\ndata"), ran.err)
                self.assertIn("brig: weakness: identity: ", ran.err)

    def test_what_is_not_enforced_is_told(self):
        ran = self.finish(self.start("run", "--json", "--", "true", program=[*self.HIDE_GROUPS, *self.WITHOUT_CAPABILITIES, harness.BRIG]))
        names = [weakness.partition(":")[0] for weakness in ran.json()["attestation"]["weaknesses"]]
        self.assertEqual(names, ["memory", "cpu", "pids", "identity"])


class NoNamespaces(harness.BrigCase):
    def assert_refused(self, ran):
        self.assertEqual((ran.code, ran.out), (125, ""), ran.err)
        self.assertIn("user namespaces", ran.err)
        self.assertIn("sysctl -w user.max_user_namespaces", ran.err)
        self.assertEqual(ran.err.count("\n"), 1)

    def inside(self, *arguments):
        return self.finish(self.start("-Ur", "/usr/bin/python3", "-c", NO_NAMESPACES, harness.BRIG, *arguments, program=["/usr/bin/unshare"]))

    def test_refused_with_the_command_that_mends_it(self):
        self.assert_refused(self.inside("run", "--", "true"))

    def test_refused_in_json(self):
        ran = self.inside("run", "--json", "--", "true")
        report = ran.json()
        self.assertEqual((ran.code, report["status"]), (125, "failed"))
        self.assertIn("user namespaces", report["failure"]["message"])


class NoPython(harness.BrigCase):
    HIDE = "mount --make-rprivate / && for f in /usr/bin/python3*; do [ -L $f ] || mount --bind /dev/null $f; done && exec \"$@\""

    def hidden(self, *arguments):
        return self.finish(self.start("-m", "/bin/sh", "-c", self.HIDE, "sh", harness.BRIG, *arguments, program=["/usr/bin/unshare"]))

    def test_python_is_missed_by_name(self):
        ran = self.hidden("run", "-c", "print(1)")
        self.assertEqual((ran.code, ran.out), (125, ""), ran.err)
        self.assertIn("python", ran.err)
        self.assertEqual(ran.err.count("\n"), 1)

    def test_other_programs_run(self):
        self.assertEqual(self.hidden("run", "--lang", "bash", "-c", "echo fine").out, "fine\n")


class NoGroups(harness.BrigCase):
    """Root on a host whose cgroups cannot be had."""

    def test_it_is_told(self):
        ran = self.finish(self.start("-m", "/bin/sh", "-c", NO_GROUPS, "sh", harness.BRIG, "run", "--json", "--", "true",
                                     program=["/usr/bin/unshare"]))
        weaknesses = ran.json()["attestation"]["weaknesses"]
        self.assertEqual([w.partition(":")[0] for w in weaknesses], ["memory", "cpu"], weaknesses)

    def test_it_can_be_refused(self):
        ran = self.finish(self.start("-m", "/bin/sh", "-c", NO_GROUPS, "sh", harness.BRIG, "run", "--no-weaknesses", "--", "true",
                                     program=["/usr/bin/unshare"]))
        self.assertEqual(ran.code, 125)
        self.assertIn("no cgroup file system is mounted", ran.err)


if __name__ == "__main__":
    harness.main()
