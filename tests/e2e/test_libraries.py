"""Libraries: Python packages from a folder of wheels, installed once in a sandbox and shown to every later one."""

import hashlib
import io
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest
import zipfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import service  # noqa: E402
import test_templates  # noqa: E402

BRIG = os.environ["BRIG"]
OTHER_PYTHON = "cp299-cp299-manylinux_2_17_x86_64"


def have_pip():
    if subprocess.run(["/usr/bin/python3", "-I", "-m", "pip", "--version"], capture_output=True).returncode != 0:
        raise unittest.SkipTest("/usr/bin/python3 has no pip to install wheels with (python3-pip)")


def wheel(folder, name, version="1.0", tag="py3-none-any", needs=(), files=None):
    """A wheel as small as one can be; `files` are what it brings beside its metadata."""
    info = "%s-%s.dist-info" % (name, version)
    files = dict(files if files is not None else {name + ".py": "version = %r\n" % version})
    files[info + "/METADATA"] = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version) + "".join(
        "Requires-Dist: %s\n" % need for need in needs)
    files[info + "/WHEEL"] = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: %s\n" % tag
    files[info + "/RECORD"] = "".join("%s,,\n" % path for path in [*files, info + "/RECORD"])
    path = os.path.join(folder, "%s-%s-%s.whl" % (name, version, tag))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for member, text in files.items():
            entry = zipfile.ZipInfo(member, (2020, 1, 1, 0, 0, 0))
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            if isinstance(text, tuple):
                text, mode = text
                entry.external_attr = mode << 16
            packed.writestr(entry, text)
    with open(path, "wb") as file:
        file.write(out.getvalue())
    return path


def add_python(root, has_pip=True):
    """This machine's Python, with what its modules load."""
    shutil.copy2(os.path.realpath("/usr/bin/python3"), root + "/usr/bin/python3")
    version = subprocess.run(["/usr/bin/python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"], capture_output=True, text=True).stdout.strip()
    shutil.copytree("/usr/lib/" + version, root + "/usr/lib/" + version, symlinks=False, ignore_dangling_symlinks=True,
                    ignore=shutil.ignore_patterns("test", "tests", "idlelib", "lib2to3", "config-*", "__pycache__", "*.whl"))
    if has_pip:
        shutil.copytree("/usr/lib/python3/dist-packages/pip", root + "/usr/lib/python3/dist-packages/pip", ignore=shutil.ignore_patterns("__pycache__"))
    loaded = root + "/usr/lib/" + version + "/lib-dynload"
    for path in [root + "/usr/bin/python3", *(os.path.join(loaded, name) for name in os.listdir(loaded))]:
        for word in subprocess.run(["ldd", path], capture_output=True, text=True).stdout.split():
            if word.startswith("/") and not os.path.exists(root + "/usr/lib/" + os.path.basename(word)):
                shutil.copy2(os.path.realpath(word), root + "/usr/lib/" + os.path.basename(word))


class Libraries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        have_pip()
        cls.scratch = tempfile.mkdtemp(prefix="brig-libraries-")
        os.chmod(cls.scratch, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)

    def setUp(self):
        self.store = tempfile.mkdtemp(prefix="store-", dir=self.scratch)
        os.chmod(self.store, 0o755)
        self.wheels = tempfile.mkdtemp(prefix="wheels-", dir=self.scratch)
        os.chmod(self.wheels, 0o755)

    def run_(self, code, *words):
        return subprocess.run([BRIG, "run", "--templates-dir", self.store, "--wheels", self.wheels, *words, "-c", code],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def lib(self, *words):
        return subprocess.run([BRIG, "template", "lib", "--templates-dir", self.store, *words], capture_output=True, text=True)

    def folders(self):
        path = os.path.join(self.store, "libraries")
        return sorted(name for name in os.listdir(path) if not name.endswith(".json")) if os.path.isdir(path) else []

    def policy(self, text):
        path = os.path.join(self.scratch, "policy.toml")
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_is_installed_once_with_what_it_needs(self):
        wheel(self.wheels, "Upper_Name", needs=["below"])
        wheel(self.wheels, "below", "2.5")
        code = "import Upper_Name, below, sys; print(Upper_Name.version, below.version, Upper_Name.__file__)"
        first = self.run_(code, "--lib", "upper.name")
        self.assertEqual((first.returncode, first.stdout), (0, "1.0 2.5 /brig/lib/Upper_Name.py\n"), first.stderr)
        made = self.folders()
        self.assertEqual(len(made), 1)
        before = os.stat(os.path.join(self.store, "libraries", made[0])).st_ctime_ns
        again = self.run_(code, "--lib", "upper-name")
        self.assertEqual(again.stdout, first.stdout, again.stderr)
        self.assertEqual((self.folders(), os.stat(os.path.join(self.store, "libraries", made[0])).st_ctime_ns), (made, before))
        self.assertIn("(unchanged)", self.lib("upper_name", "--wheels", self.wheels).stdout)
        listed = self.lib()
        self.assertIn("upper-name", listed.stdout)
        self.assertIn("Upper_Name=1.0 below=2.5", listed.stdout)
        self.assertEqual(os.listdir(os.path.join(self.store, "build")), [])
        shutil.rmtree(self.wheels)
        os.mkdir(self.wheels)
        self.assertNotEqual(self.run_(code, "--lib", "upper-name").returncode, 0, "another folder of wheels may have better ones")

    def test_without_it_there_is_nothing(self):
        wheel(self.wheels, "small")
        self.assertEqual(self.run_("import small", "--lib", "small").returncode, 0)
        self.assertIn("No module named 'small'", self.run_("import small").stderr)
        done = self.run_("import os; print(os.listdir('/'), os.environ.get('PYTHONPATH'))")
        self.assertNotIn("brig", done.stdout)
        self.assertIn("None", done.stdout)

    def test_cannot_be_written_to(self):
        wheel(self.wheels, "small")
        done = self.run_("open('/brig/lib/small.py', 'w')", "--lib", "small")
        self.assertRegex(done.stderr, "Read-only file system|Permission denied")

    def test_in_the_store_by_default(self):
        os.mkdir(os.path.join(self.store, "wheels"))
        wheel(os.path.join(self.store, "wheels"), "small")
        done = subprocess.run([BRIG, "run", "--templates-dir", self.store, "--lib", "small", "-c", "import small; print(small.version)"],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)
        self.assertEqual(done.stdout, "1.0\n", done.stderr)

    def test_a_newer_wheel_is_taken_and_the_older_stays_for_who_has_it(self):
        wheel(self.wheels, "small")
        self.assertEqual(self.run_("import small; print(small.version)", "--lib", "small").stdout, "1.0\n")
        wheel(self.wheels, "small", "1.1")
        done = self.run_("import small; print(small.version)", "--lib", "small")
        self.assertEqual(done.stdout, "1.1\n", done.stderr)
        self.assertEqual(len(self.folders()), 2)
        collected = json.loads(subprocess.run([BRIG, "template", "gc", "--json", "--templates-dir", self.store], capture_output=True, text=True).stdout)
        self.assertEqual(collected["libraries"], 1)
        self.assertEqual(self.run_("import small; print(small.version)", "--lib", "small").stdout, "1.1\n")

    def test_what_cannot_be_had_is_said(self):
        wheel(self.wheels, "plotting")
        wheel(self.wheels, "elsewhere", tag=OTHER_PYTHON)
        wheel(self.wheels, "parent", needs=["missing>=2"])
        wheel(self.wheels, "picky", needs=["plotting>=7"])
        with open(os.path.join(self.wheels, "broken-1.0-py3-none-any.whl"), "w") as file:
            file.write("no zip")
        for name, sentence in (("ploting", 'there is no wheel of "ploting" in the folder (did you mean "plotting"?)'),
                               ("elsewhere", "no wheel of it in the folder is for this Python (cpython 3."),
                               ("parent", '"parent" needs missing>=2: there is no wheel of missing in the folder'),
                               ("picky", '"picky" needs plotting>=7: of plotting the folder has 1.0 for this Python'),
                               ("broken", "broken-1.0-py3-none-any.whl")):
            with self.subTest(name):
                done = self.run_("print('ran')", "--lib", name)
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertIn("install " + name + ": ", done.stderr)
                self.assertIn(sentence, done.stderr)
        self.assertEqual(self.folders(), [])
        self.assertEqual(os.listdir(os.path.join(self.store, "build")), [])
        done = subprocess.run([BRIG, "run", "--templates-dir", self.store, "--wheels", "/nowhere", "--lib", "x", "-c", "1"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 2)
        self.assertIn("/nowhere", done.stderr)

    def test_the_policy_allows(self):
        wheel(self.wheels, "plotting")
        policy = self.policy('[libraries]\nallow = ["Plotting"]\n')
        self.assertEqual(self.run_("import plotting", "--policy", policy, "--lib", "plotting").returncode, 0)
        refused = self.run_("print('ran')", "--policy", policy, "--lib", "ploting")
        self.assertEqual((refused.returncode, refused.stdout), (2, ""))
        self.assertIn('the policy does not allow "ploting" (did you mean "plotting"?)', refused.stderr)
        self.assertIn("libraries.allow is empty", self.run_("1", "--preset", "strict", "--lib", "plotting").stderr)
        used = self.policy('[libraries]\nuse = ["plotting"]\n')
        self.assertEqual(self.run_("import plotting; print('ran')", "--policy", used).stdout, "ran\n")
        for name in ("../x", "a b", "-r", "", "x==1"):
            self.assertEqual(self.run_("1", "--lib", name).returncode, 2, name)

    def test_a_wheel_that_was_exchanged(self):
        path = wheel(self.wheels, "small")
        self.assertEqual(self.run_("import small", "--lib", "small").returncode, 0)
        wheel(self.wheels, "small", files={"small.py": "version = 'another'\n"})
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
        refused = self.run_("print('ran')", "--lib", "small")
        self.assertEqual((refused.returncode, refused.stdout), (2, ""))
        self.assertIn("is not the one that was installed before (it has sha256:" + digest, refused.stderr)
        self.assertEqual(self.lib("small", "--wheels", self.wheels, "--no-cache").returncode, 0)
        self.assertEqual(self.run_("import small; print(small.version)", "--lib", "small").stdout, "another\n")

    def test_the_same_wheels_touched_are_the_same(self):
        path = wheel(self.wheels, "small")
        self.assertEqual(self.run_("import small", "--lib", "small").returncode, 0)
        os.utime(path)
        self.assertEqual(self.run_("import small", "--lib", "small").returncode, 0)
        self.assertEqual(len(self.folders()), 1)

    def test_what_is_hostile_in_a_wheel_stays_inside(self):
        outside = os.path.join(self.scratch, "outside")
        with open(outside, "w") as file:
            file.write("untouched")
        wheel(self.wheels, "climbing", files={"../../../../../../../../" + outside.lstrip("/"): "gotcha", "climbing.py": ""})
        wheel(self.wheels, "linking", files={"linking.py": "", "linking_link": (outside, stat.S_IFLNK | 0o777)})
        wheel(self.wheels, "setid", files={"setid.py": "", "setid_program": ("#!/bin/sh\nid\n", stat.S_IFREG | 0o6755)})
        wheel(self.wheels, "starting", files={"starting.py": "", "sitecustomize.py": "print('started')\n"})
        with open(os.path.join(self.wheels, "na\x1b[31mme-1.0-py3-none-any.whl"), "w") as file:
            file.write("x")
        self.assertNotEqual(self.run_("1", "--lib", "climbing").returncode, 0)
        for name in ("linking", "setid", "starting"):
            self.run_("1", "--lib", name)
        with open(outside) as file:
            self.assertEqual(file.read(), "untouched")
        for folder, folders, files in os.walk(os.path.join(self.store, "libraries")):
            for name in folders + files:
                status = os.lstat(os.path.join(folder, name))
                self.assertFalse(stat.S_ISLNK(status.st_mode), name)
                self.assertEqual(status.st_mode & 0o7022, 0, name)

    def import_root(self, name, *more):
        root = tempfile.mkdtemp(prefix="root-", dir=self.scratch)
        os.chmod(root, 0o755)
        test_templates.small_root(root)
        for add in more:
            add(root)
        done = subprocess.run([BRIG, "template", "import", root, "--name", name, "--templates-dir", self.store], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_of_an_image(self):
        test_templates.have_to_be_root()
        self.import_root("small")
        self.import_root("snake", add_python)
        wheel(self.wheels, "small")
        done = self.run_("1", "--template", "small", "--lib", "small")
        self.assertEqual(done.returncode, 2)
        self.assertIn("the template small has no Python", done.stderr)
        for _ in range(2):
            done = self.run_("import small; print(small.version)", "--template", "snake", "--lib", "small")
            self.assertEqual((done.returncode, done.stdout), (0, "1.0\n"), done.stderr)
        self.assertEqual(len(self.folders()), 1)
        self.assertEqual(self.run_("import small", "--lib", "small").returncode, 0)
        self.assertEqual(len(self.folders()), 2, "another Python has its own")
        self.assertRegex(self.lib().stdout, r"small +snake +small=1.0")
        subprocess.run([BRIG, "template", "rm", "snake", "--templates-dir", self.store], check=True)
        subprocess.run([BRIG, "template", "gc", "--templates-dir", self.store], check=True, capture_output=True)
        self.assertEqual(len(self.folders()), 1, "gone with its template")

    def test_without_pip_one_may_lie_in_the_folder(self):
        test_templates.have_to_be_root()
        bundled = [name for name in os.listdir("/usr/share/python-wheels") if name.startswith("pip-")] if os.path.isdir("/usr/share/python-wheels") else []
        if not bundled:
            self.skipTest("this machine has no wheel of pip (python3-pip-whl)")
        self.import_root("snake", lambda root: add_python(root, has_pip=False))
        wheel(self.wheels, "small")
        done = self.run_("1", "--template", "snake", "--lib", "small")
        self.assertEqual(done.returncode, 2)
        self.assertIn("the template has no pip", done.stderr)
        shutil.copy("/usr/share/python-wheels/" + bundled[0], self.wheels)
        done = self.run_("import small; print(small.version)", "--template", "snake", "--lib", "small")
        self.assertEqual(done.stdout, "1.0\n", done.stderr)

    def test_without_root(self):
        if os.geteuid() != 0:
            self.skipTest("the other tests run without root already")
        user = service.user_named("nobody")
        folder = os.path.join(self.scratch, "of-nobody")
        os.mkdir(folder)
        os.chown(folder, user.pw_uid, user.pw_gid)
        wheel(self.wheels, "small")
        words = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups", BRIG, "run", "--templates-dir", folder + "/t",
                 "--wheels", self.wheels, "--lib", "small", "-c", "import small; print(small.version)"]
        for _ in range(2):
            done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HOME": folder})
            self.assertEqual(done.stdout, "1.0\n", done.stderr)


class OverTheApi(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        have_pip()
        if os.geteuid() != 0:
            raise unittest.SkipTest(service.NEEDS_ROOT)
        cls.scratch = tempfile.mkdtemp(prefix="brig-service-libraries-")
        os.chmod(cls.scratch, 0o755)
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.store, wheels = os.path.join(cls.scratch, "templates"), os.path.join(cls.scratch, "wheels")
        os.mkdir(wheels)
        wheel(wheels, "small")
        wheel(wheels, "other")
        made = subprocess.run([BRIG, "template", "lib", "small", "--wheels", wheels, "--templates-dir", cls.store], capture_output=True, text=True)
        if made.returncode != 0:
            raise AssertionError(made.stderr)
        policy = os.path.join(cls.scratch, "policy.toml")
        with open(policy, "w") as file:
            file.write('[libraries]\nallow = ["small", "other"]\n')
        cls.daemon = service.Daemon("--templates-dir", cls.store, "--policy", policy)
        cls.addClassCleanup(cls.daemon.end)
        cls.client = cls.daemon.client()

    def test_what_is_installed_can_be_had(self):
        sandbox = self.client.create(libraries=["Small"], ttl_seconds=60)
        self.assertEqual(self.client.exec(sandbox, "python3 -c 'import small; print(small.version, small.__file__)'")["stdout"], "1.0 /brig/lib/small.py\n")
        snapshot = self.client.expect(201, "POST", "/v1/sandboxes/%s/snapshots" % sandbox, {})
        again = self.client.expect(201, "POST", "/v1/sandboxes", {"from_snapshot": snapshot["id"]})["id"]
        self.assertEqual(self.client.exec(again, "python3 -c 'import small; print(small.version)'")["stdout"], "1.0\n")
        for one in (sandbox, again):
            self.client.kill(one)
        plain = self.client.create(ttl_seconds=60)
        self.assertNotEqual(self.client.exec(plain, "python3 -c 'import small'")["exit_code"], 0)
        self.client.kill(plain)

    def test_what_is_not_says_how(self):
        missing = self.client.post("/v1/sandboxes", {"libraries": ["other"]})
        self.assertEqual(missing.status, 404)
        self.assertIn("brig template lib other --template host", missing.body.decode())
        for wanted in ({"libraries": ["smal"]}, {"libraries": ["smal"], "policy": "lenient"}, {"libraries": ["small"], "policy": "strict"}):
            denied = self.client.post("/v1/sandboxes", wanted)
            self.assertEqual(denied.status, 403, wanted)
            self.assertIn("does not allow", denied.body.decode())
        for wanted in (["../x"], "small", [1], ["a b"]):
            self.assertEqual(self.client.post("/v1/sandboxes", {"libraries": wanted}).status, 400, wanted)


if __name__ == "__main__":
    unittest.main()
