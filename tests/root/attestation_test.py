#!/usr/bin/python3
"""What --json attests is what the kernel shows of the sandbox, seen from outside while it runs; and what a doctored host gives away."""
import os
import signal
import subprocess
import unittest

import harness


class Attestation(harness.BrigCase):
    def setUp(self):
        super().setUp()
        self.write("data", "x", 0o600)
        self.process = self.start("run", "--json", "--in", "data", "--memory", "100M", "--pids", "33", "--cpus", "0.5",
                                  "--lang", "bash", "-c", "read line; sleep 0.2", stdin=subprocess.PIPE)
        self.jail = harness.Jail.wait(self.process.pid)
        self.proc = "/proc/%d/" % self.jail.init
        self.worker = harness.children(self.jail.init)[0]

    def attested(self):
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()
        ran = self.finish(self.process)
        self.assertEqual(ran.code, 0, ran.err)
        return ran.json()["attestation"]

    def status(self, pid):
        return dict(line.split(":\t", 1) for line in harness.read("/proc/%d/status" % pid).splitlines() if ":\t" in line)

    def test_it_is_what_the_kernel_shows(self):
        kernel = {}
        statuses = [self.status(pid) for pid in (self.jail.init, self.worker)]
        ours = {name: os.readlink("/proc/self/ns/" + name) for name in os.listdir("/proc/self/ns")}
        for pid in (self.jail.init, self.worker):
            links = {name: os.readlink("/proc/%d/ns/%s" % (pid, name)) for name in os.listdir("/proc/%d/ns" % pid)}
            kernel.setdefault("namespaces", []).append(sorted(n for n in links if links[n] != ours[n] and "_for_" not in n and n != "time"))
        maps = [harness.read(self.proc + name).split() for name in ("uid_map", "gid_map")]
        groups = {}
        for line in harness.read(self.proc + "cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            for controller in controllers.split(","):
                groups[controller] = path
        program_groups = harness.read("/proc/%d/cgroup" % self.worker)
        values = self.group_values(groups)
        root = [line.split() for line in harness.read(self.proc + "mountinfo").splitlines() if line.split()[4] == "/"][0]
        self.assertEqual(program_groups, harness.read(self.proc + "cgroup"))
        a = self.attested()

        for status, namespaces in zip(statuses, kernel["namespaces"]):
            self.assertEqual(namespaces, a["namespaces"])
            for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
                self.assertEqual(int(status[capabilities], 16), 0, capabilities)
            self.assertEqual((status["NoNewPrivs"], a["no_new_privs"]), ("1", True))
            self.assertEqual(status["Seccomp"], "2")
            self.assertEqual(int(status["Seccomp_filters"]), a["seccomp"]["filters"])
            self.assertEqual(status["Groups"].strip(), "")
        self.assertEqual(a["capabilities"], "none")
        inside, outside, count = maps[0]
        self.assertEqual((a["user_mapping"], count), ("%s -> %s" % (inside, outside), "1"))
        self.assertEqual(maps[0], maps[1])
        self.assertEqual(set(statuses[0]["Uid"].split()), {outside})
        self.assertGreater(int(outside), 65535)
        self.assertTrue(root[5].startswith("ro"), root)
        self.assertTrue(a["rootfs"]["read_only"])
        self.assertEqual(a["kernel"], "Linux " + os.uname().release)
        self.assertEqual({name: a["cgroup"][name] for name in values}, values)
        self.assertEqual(a["weaknesses"], [])
        self.assertEqual(values, {"memory_bytes": 100 << 20, "pids": 34, "cpu_millis": 500})  # the agent is one more

    def group_values(self, groups):
        """The limits as the kernel's files have them, on v1, v2 and hybrid hosts."""
        def value(controller, v1, v2):
            v1_path = self.place(controller, groups.get(controller))
            text = harness.read(v1_path + "/" + v1) if v1_path else harness.read(self.place("", groups[""]) + "/" + v2)
            return int(text.split()[0])
        return {"memory_bytes": value("memory", "memory.limit_in_bytes", "memory.max"), "pids": value("pids", "pids.max", "pids.max"),
                "cpu_millis": value("cpu", "cpu.cfs_quota_us", "cpu.max") // 100}

    @staticmethod
    def place(controller, path):
        if path is None:
            return None
        for line in harness.read("/proc/self/mountinfo").splitlines():
            fields, _, rest = line.partition(" - ")
            kind, _, options = rest.split(" ")[:3]
            if (kind == "cgroup" and controller and controller in options.split(",")) or (kind == "cgroup2" and not controller):
                return fields.split()[4] + path
        return None

    def test_nothing_of_the_host_is_held_open(self):
        """Descriptors of brig-init and of the program: no file of the host, no socket but the channel."""
        for pid in (self.jail.init, self.worker):
            for name in os.listdir("/proc/%d/fd" % pid):
                target = os.readlink("/proc/%d/fd/%s" % (pid, name))
                self.assertRegex(target, r"^(/dev/null|pipe:\[\d+\]|socket:\[\d+\]|/tmp/\.brig/main\.sh|anon_inode:.*)$", (pid, name))
        sockets = [os.readlink("/proc/%d/fd/%s" % (self.worker, name)) for name in os.listdir("/proc/%d/fd" % self.worker)]
        self.assertFalse([target for target in sockets if target.startswith("socket:")], "the program has the agent's channel")
        self.attested()

    def test_no_mount_can_reach_back(self):
        """No mount of the sandbox is shared with or fed by one of the host, and none shows what the template does not name."""
        places = set()
        for line in harness.read(self.proc + "mountinfo").splitlines():
            fields, _, rest = line.partition(" - ")
            fields = fields.split()
            self.assertFalse([field for field in fields[6:] if field.startswith("shared:")], line)
            if rest.split()[0] not in ("proc", "devpts"):
                self.assertIn("nosuid", fields[5], line)
            places.add(fields[4])
        self.assertIn("/workspace/data", places)
        for place in places:
            self.assertRegex(place, r"^/($|usr|lib|bin|sbin|etc/|dev/|proc($|/)|tmp$|workspace($|/data$)|home/user$)")
        self.attested()

    def test_own_session_and_no_terminal(self):
        stat = harness.read("/proc/%d/stat" % self.worker).rsplit(")", 1)[1].split()
        session, terminal = int(stat[3]), int(stat[4])
        self.assertNotEqual(session, os.getsid(0))
        self.assertEqual(terminal, 0)
        self.attested()

    def test_the_kernel_itself_watches_the_deadline(self):
        """brig-init dies with the warden (parent-death signal), and the warden has a timer that kills."""
        timers = harness.read("/proc/%d/timers" % self.jail.launch)
        if timers is not None:
            self.assertIn("signal: %d/" % signal.SIGKILL, timers)
        self.attested()

    def test_two_sandboxes_share_nothing(self):
        other = self.start("run", "--", "sleep", "60")
        jail = harness.Jail.wait(other.pid)
        for name in ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts"):
            self.assertNotEqual(os.readlink("/proc/%d/ns/%s" % (jail.init, name)), os.readlink(self.proc + "ns/" + name))
        self.assertNotEqual(self.status(jail.init)["Uid"], self.status(self.jail.init)["Uid"])
        other.terminate()
        self.finish(other)
        self.attested()


if __name__ == "__main__":
    harness.main()
