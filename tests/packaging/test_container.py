#!/usr/bin/python3
"""The pods of packaging/kubernetes run for real, as a kubelet would have runc run them: their user, capabilities, covered
/proc, mounts and arguments. What stands in for the image is this machine's /usr and the programs of the build."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import recipe

sys.path.insert(0, str(recipe.ROOT / "tests"))
from processes import PATIENCE, wait_until  # noqa: E402  (its folder was not on the path)

BIN = os.path.join(os.environ.get("BRIG_BUILD_DIR", "build/dev"), "bin")
RUNC = shutil.which("runc", path="/usr/bin:/usr/sbin:/usr/local/bin")
FIRST_OUTSIDE = 200_000  # of the user namespace of a pod with hostUsers: false
IS_HEALTHY = """
import ssl, urllib.request
print(urllib.request.urlopen("https://127.0.0.1:2744/healthz", context=ssl._create_unverified_context()).status)
"""
ATTESTATION = """
import http.client, os, socket, sys
connection = http.client.HTTPConnection("localhost")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(os.environ["BRIG_API_URL"].removeprefix("unix:"))
connection.request("GET", "/v1/sandboxes/%s/attestation" % sys.argv[1])
print(connection.getresponse().read().decode())
"""


def why_not():
    if os.geteuid() != 0:
        return "needs root: runs containers"
    if RUNC is None:
        return "needs runc (apt install runc)"
    return None


class Pod:
    """One container of a manifest, running; with other `capabilities` than it asks for, or with a covered /proc against its will."""

    def __init__(self, name, capabilities=None, is_covered=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="brig-pod-"))
        self.folder.chmod(0o755)
        self.id = "brig-test-%d-%s" % (os.getpid(), self.folder.name[-8:])
        self.pod, self.container = recipe.pod_of(name), recipe.container_of(name)
        if capabilities is None:
            capabilities = self.container["securityContext"]["capabilities"].get("add", [])
        (self.folder / "config.json").write_text(json.dumps(self.spec(recipe.command_of(name), capabilities, is_covered)))
        self.log = open(self.folder / "log", "w+")
        self.process = subprocess.Popen([RUNC, "run", "-b", self.folder, self.id], stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def outside(self, uid):
        return uid + (FIRST_OUTSIDE if self.pod.get("hostUsers") is False else 0)

    def spec(self, command, capabilities, is_covered):
        base = subprocess.run([RUNC, "spec", "-b", self.folder], capture_output=True)
        assert base.returncode == 0, base.stderr
        spec = json.loads((self.folder / "config.json").read_text())
        context = self.container["securityContext"]
        who = self.pod["securityContext"]
        names = ["CAP_" + name for name in capabilities]
        spec["process"].update(terminal=False, args=command, user={"uid": who["runAsUser"], "gid": who["runAsGroup"]},
                               capabilities={kind: names for kind in ("bounding", "effective", "permitted")},
                               noNewPrivileges=not context["allowPrivilegeEscalation"],
                               env=["PATH=/usr/local/bin:/usr/bin:/bin", recipe.last("ENV")], rlimits=[])
        spec["root"] = {"path": str(self.make_root()), "readonly": context["readOnlyRootFilesystem"]}
        spec["mounts"] += self.mounts(who)
        if context.get("procMount") == "Unmasked" and not is_covered:
            spec["linux"]["maskedPaths"] = spec["linux"]["readonlyPaths"] = []
        if self.pod.get("hostUsers") is False:
            spec["linux"]["namespaces"].append({"type": "user"})
            spec["linux"]["uidMappings"] = spec["linux"]["gidMappings"] = [{"containerID": 0, "hostID": FIRST_OUTSIDE, "size": 65536}]
        return spec

    def make_root(self):
        root = self.folder / "root"
        for folder in ("usr", "etc", "proc", "sys", "dev", "run", "tmp", "var/lib/brig", "etc/brig/tls"):
            (root / folder).mkdir(parents=True)
        for name in ("bin", "sbin", "lib", "lib64"):
            if os.path.islink("/" + name):
                (root / name).symlink_to(os.readlink("/" + name))
        local = self.folder / "local"
        start = pathlib.Path(recipe.last("ENTRYPOINT")[0]).relative_to("/usr/local")
        (local / start).parent.mkdir(parents=True)
        (local / "bin").mkdir()
        shutil.copy(recipe.PACKAGING / "container/start", local / start)
        return root

    def mounts(self, who):
        tls = self.folder / "tls"
        tls.mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=brig", "-days", "1",
                        "-keyout", tls / "tls.key", "-out", tls / "tls.crt"], check=True, capture_output=True)
        volumes = {volume["name"]: volume for volume in self.pod["volumes"]}
        found = [{"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"]},
                 {"destination": "/usr/local", "type": "bind", "source": str(self.folder / "local"), "options": ["rbind", "ro"]},
                 {"destination": "/usr/local/bin", "type": "bind", "source": os.path.realpath(BIN), "options": ["rbind", "ro"]}]
        for mount in self.container["volumeMounts"]:
            volume = volumes[mount["name"]]
            if "secret" in volume:
                for file in tls.iterdir():
                    os.chown(file, self.outside(0), self.outside(who.get("fsGroup", 0)))
                    file.chmod(volume["secret"]["defaultMode"])
                found.append({"destination": mount["mountPath"], "type": "bind", "source": str(tls), "options": ["rbind", "ro"]})
                continue
            options = ["nosuid", "nodev"]
            place = self.folder / "root" / mount["mountPath"].lstrip("/")  # runc gives a tmpfs the mode of what it covers
            place.chmod(0o777)
            if "persistentVolumeClaim" in volume:
                place.chmod(0o2770 if "fsGroup" in who else 0o755)
                options += ["gid=%d" % who.get("fsGroup", 0)]
            found.append({"destination": mount["mountPath"], "type": "tmpfs", "source": "tmpfs", "options": options})
        return found

    def run(self, *command):
        return subprocess.run([RUNC, "exec", self.id, *command], capture_output=True, text=True, timeout=PATIENCE)

    def is_healthy(self):
        _, words = recipe.healthcheck()
        return self.process.poll() is None and self.run(*words).returncode == 0

    def said(self):
        self.log.flush()
        return (self.folder / "log").read_text()

    def works(self):
        """A sandbox in it runs a program: its attestation, or None."""
        if not wait_until(lambda: self.process.poll() is not None or self.is_healthy()) or self.process.poll() is not None:
            return None
        made = self.run("brig", "sandbox", "create", "--ttl", "60s")
        sandbox = made.stdout.strip()
        if made.returncode != 0 or self.run("brig", "sandbox", "exec", sandbox, "python3", "-c", "print(6*7)").stdout != "42\n":
            return None
        attestation = json.loads(self.run("/usr/bin/python3", "-c", ATTESTATION, sandbox).stdout)
        if self.run("brig", "sandbox", "kill", sandbox).returncode != 0:
            return None
        return attestation

    def close(self):
        if self.process.poll() is None:
            subprocess.run([RUNC, "kill", self.id, "TERM"], capture_output=True)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
        subprocess.run([RUNC, "delete", "-f", self.id], capture_output=True)
        self.log.close()
        shutil.rmtree(self.folder)


@unittest.skipIf(why_not(), why_not())
class Pods(unittest.TestCase):
    def start(self, name, **options):
        pod = Pod(name, **options)
        self.addCleanup(pod.close)
        return pod

    def test_the_strong_pod_lacks_nothing(self):
        pod = self.start(recipe.STRONG)
        about = pod.works()
        self.assertIsNotNone(about, pod.said())
        self.assertEqual(about["weaknesses"], [])
        self.assertGreater(about["cgroup"]["memory_bytes"], 0)
        self.assertRegex(about["user_mapping"], r"^1000 -> 18790\d+$")  # a user of its own
        self.assertEqual(pod.run("/usr/bin/python3", "-c", IS_HEALTHY).stdout, "200\n")

    def test_what_the_unprivileged_pod_lacks_is_said(self):
        pod = self.start(recipe.WEAK)
        about = pod.works()
        self.assertIsNotNone(about, pod.said())
        self.assertEqual([weakness.partition(":")[0] for weakness in about["weaknesses"]], ["memory", "cpu", "identity"])
        self.assertEqual(about["cgroup"]["version"], "none")
        self.assertEqual(about["user_mapping"], "1000 -> %d" % pod.pod["securityContext"]["runAsUser"])
        self.assertEqual((about["capabilities"], about["no_new_privs"]), ("none", True))
        self.assertEqual(pod.run("/usr/bin/python3", "-c", IS_HEALTHY).stdout, "200\n")

    def test_no_capability_is_more_than_it_needs(self):
        all_of_them = recipe.container_of(recipe.STRONG)["securityContext"]["capabilities"]["add"]
        for one in all_of_them:
            with self.subTest(one):
                pod = self.start(recipe.STRONG, capabilities=[name for name in all_of_them if name != one])
                about = pod.works()
                self.assertTrue(about is None or about["weaknesses"], "all of it works without " + one)

    def test_a_covered_proc_is_refused_and_not_weakened(self):
        pod = self.start(recipe.WEAK, is_covered=True)
        self.assertIsNone(pod.works())
        self.assertIn("proc", pod.said())

    def test_it_ends_when_it_is_told(self):
        pod = self.start(recipe.STRONG)
        self.assertIsNotNone(pod.works(), pod.said())
        subprocess.run([RUNC, "kill", pod.id, "TERM"], check=True)
        self.assertEqual(pod.process.wait(PATIENCE), 0)
        self.assertIn("daemon.stopped", pod.said())


if __name__ == "__main__":
    unittest.main()
