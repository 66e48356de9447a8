"""Templates: from what somebody made to what a sandbox finds in its root, and what happens when it is hostile."""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from processes import wait_until  # noqa: E402

BRIG = os.environ["BRIG"]
PROGRAMS = ["bash", "cat", "chmod", "cp", "cut", "env", "id", "ls", "mkdir", "pwd", "rm", "sleep", "tail", "wc"]
FOLDER, LINK, HARD, DEVICE = tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE


# A package's script, run as it is installed. What it finds it writes down.
SCRIPT = """#!/bin/sh
exec > /opt/told
id -u
cat '%(secret)s' 2> /dev/null || echo no secret
mkdir -p "$(dirname '%(mark)s')" && : > '%(mark)s'
rm -rf /tmp/brig-*
mknod /opt/device c 1 3 2> /dev/null || echo no device
mount -t tmpfs none /opt 2> /dev/null || echo no mount
echo no network but $(tail -n +3 /proc/net/dev | wc -l)
/usr/sbin/policy-rc.d nothing start || echo no service
"""


def have_to_be_root():
    if os.geteuid() != 0:
        raise unittest.SkipTest("only root mounts images")
    if not os.path.exists("/usr/bin/mkfs.erofs"):
        raise unittest.SkipTest("erofs-utils is not installed")


def small_root(folder):
    """A root with a shell and a few programs of this machine."""
    for name in ("usr/bin", "usr/lib", "usr/lib64", "etc", "opt"):
        os.makedirs(os.path.join(folder, name))
    for name in ("bin", "lib", "lib64"):
        os.symlink("usr/" + name, os.path.join(folder, name))
    libraries = set()
    for program in PROGRAMS:
        path = "/usr/bin/" + program
        shutil.copy2(path, os.path.join(folder, "usr/bin", program))
        for word in subprocess.run(["ldd", path], capture_output=True, text=True).stdout.split():
            if word.startswith("/"):
                libraries.add(word)
    os.symlink("bash", os.path.join(folder, "usr/bin/sh"))
    for library in libraries:
        place = "usr/lib64" if "ld-linux" in library else "usr/lib"
        shutil.copy2(os.path.realpath(library), os.path.join(folder, place, os.path.basename(library)))
    with open(os.path.join(folder, "opt/mark"), "w") as mark:
        mark.write("here\n")
    for path, folders, files in os.walk(folder):
        for name in folders + files:
            os.utime(os.path.join(path, name), (1700000000, 1700000000), follow_symlinks=False)


def tar_of(*entries, **more):
    """Of (name, type or contents, target), and perhaps a mode."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **more) as tar:
        for name, what, target, *mode in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.linkname = mode[0] if mode else 0o755, target
            if isinstance(what, bytes) and len(what) != 1:
                info.size = len(what)
                tar.addfile(info, io.BytesIO(what))
            else:
                info.type = what
                tar.addfile(info)
    return out.getvalue()


class Templates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        have_to_be_root()
        cls.scratch = tempfile.mkdtemp(prefix="brig-templates-")
        cls.root = os.path.join(cls.scratch, "root")
        os.mkdir(cls.root)
        small_root(cls.root)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.scratch, ignore_errors=True)

    def setUp(self):
        self.store = tempfile.mkdtemp(prefix="store-", dir=self.scratch)
        os.chmod(self.store, 0o755)

    def template(self, *words, store=None):
        return subprocess.run([BRIG, "template", *words, "--templates-dir", store or self.store], capture_output=True,
                              text=True)

    def run_in(self, name, *words):
        return subprocess.run([BRIG, "run", "--template", name, "--templates-dir", self.store, *words],
                              capture_output=True, text=True, stdin=subprocess.DEVNULL)

    def import_(self, source, name, *more):
        done = self.template("import", source, "--name", name, "--json", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def write(self, name, contents):
        path = os.path.join(self.scratch, name)
        with open(path, "wb") as file:
            file.write(contents)
        return path

    def names(self):
        listed = self.template("ls", "--json")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        return [json.loads(line)["name"] for line in listed.stdout.splitlines()]

    def left(self):
        return {name: sorted(os.listdir(os.path.join(self.store, name))) for name in ("images", "names", "build")}

    def packed(self, name="root.tar"):
        path = os.path.join(self.scratch, name)
        if not os.path.exists(path):
            with tarfile.open(path, "w") as tar:
                tar.add(self.root, arcname=".")
        return path

    def test_a_folder_becomes_what_a_sandbox_finds(self):
        made = self.import_(self.root, "small", "--env", "COLOUR=red")
        self.assertEqual(made["provenance"]["kind"], "folder")
        self.assertEqual(made["defaults"]["languages"], {"bash": "/usr/bin/bash"})
        done = self.run_in("small", "--lang", "bash", "-c", "id; cat /opt/mark; echo $COLOUR; ls /usr/bin | wc -l")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "uid=1000(user) gid=1000(user) groups=1000(user)\nhere\nred\n%d\n" % (len(PROGRAMS) + 1))
        done = self.run_in("small", "--json", "--", "/usr/bin/true")
        self.assertEqual(json.loads(done.stdout)["attestation"]["rootfs"]["image"], made["digest"])
        done = self.run_in("small", "-c", "print(1)")
        self.assertEqual(done.returncode, 125)
        self.assertIn("python", done.stderr)

    def test_the_same_input_gives_the_same_digest(self):
        digests = {self.import_(self.root, "folder")["digest"]}
        path = self.packed()
        digests.add(self.import_(path, "tar")["digest"])
        with open(path, "rb") as file:
            digests.add(self.import_(self.write("root.tar.gz", gzip.compress(file.read())), "gz")["digest"])
        self.assertEqual(len(digests), 1)
        self.assertEqual(len(self.left()["images"]), 1, "one file for all")
        self.assertEqual(self.template("rm", "tar").returncode, 0)
        self.assertEqual(self.names(), ["folder", "gz"])
        self.assertEqual(len(self.left()["images"]), 1)

    def test_what_is_unchanged_is_not_built_again(self):
        self.import_(self.packed(), "one")
        again = self.template("import", self.packed(), "--name", "two")
        self.assertIn("(unchanged)", again.stdout)
        self.assertEqual(self.names(), ["one", "two"])
        self.assertEqual(self.template("gc").returncode, 0)
        again = self.template("import", self.packed(), "--name", "three")
        self.assertNotIn("(unchanged)", again.stdout, "gc forgets")

    def test_images_of_other_tools(self):
        for tool in ("umoci", "skopeo"):
            if shutil.which(tool) is None:
                self.skipTest(tool + " is not installed")
        layout = os.path.join(self.scratch, "layout")
        archive = os.path.join(self.scratch, "archive.tar")

        def do(*words):
            done = subprocess.run(words, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)

        do("umoci", "init", "--layout", layout)
        do("umoci", "new", "--image", layout + ":small")
        do("umoci", "raw", "add-layer", "--image", layout + ":small", self.packed())
        second = tar_of(("opt/.wh.mark", b"", ""), ("opt/more", b"second layer\n", ""))
        do("umoci", "raw", "add-layer", "--image", layout + ":small", self.write("second.tar", second))
        do("umoci", "config", "--image", layout + ":small", "--config.env", "A=from the image", "--config.workingdir", "/srv",
           "--config.cmd", "bash")
        do("skopeo", "copy", "-q", "--insecure-policy", f"oci:{layout}:small", f"docker-archive:{archive}:small:latest")
        oci = self.import_(layout, "oci")
        saved = self.import_(archive, "saved")
        self.assertEqual(oci["digest"], saved["digest"])
        self.assertEqual((oci["provenance"]["kind"], saved["provenance"]["kind"]), ("oci", "docker-archive"))
        self.assertEqual(oci["defaults"]["command"], ["bash"])
        done = self.run_in("oci", "--", "sh", "-c", "pwd; cat /opt/more; echo $A; ls /opt")
        self.assertEqual(done.stdout, "/srv\nsecond layer\nfrom the image\nmore\n")

    def test_hostile_archives_are_refused_and_leave_nothing(self):
        os.makedirs(self.store, exist_ok=True)
        outside = self.write("outside", b"untouched")
        whole = tar_of(("usr/bin/x", b"contents", ""))
        cases = {
            "leads out": tar_of(("../outside", b"gotcha", "")),
            "is absolute": tar_of((outside, b"gotcha", "")),
            "links are not followed": tar_of(("up", LINK, ".."), ("up/outside", b"gotcha", "")),
            "no file of the image": tar_of(("h", HARD, outside)),
            "ends too early": whole[:600],
            "checksum": whole[:100] + b"?" + whole[101:],
            "gzip data": gzip.compress(whole)[:-20],
            "is empty": tar_of(),
        }
        for sentence, archive in cases.items():
            with self.subTest(sentence):
                done = self.template("import", self.write("hostile.tar", archive), "--name", "hostile")
                self.assertEqual(done.returncode, 1)
                self.assertIn(sentence, done.stderr)
                self.assertIn("the log is " + self.store, done.stderr)
                self.assertEqual(self.left(), {"images": [], "names": [], "build": []})
        with open(outside, "rb") as file:
            self.assertEqual(file.read(), b"untouched")

    def test_devices_and_set_id_bits_do_not_come_along(self):
        with open(self.packed(), "rb") as file:
            archive = bytearray(file.read())
        more = tar_of(("opt/null", DEVICE, ""), ("opt/su", b"#!/bin/sh\nid\n", "", 0o4755))
        end = archive.rstrip(b"\0")
        body = bytes(end) + b"\0" * (-len(end) % 512) + more
        made = self.import_(self.write("devices.tar", body), "devices")
        self.assertTrue(any("1 device files were left out" in note for note in made["notes"]), made["notes"])
        self.assertIn("1 files lost their set-user or set-group bit", made["notes"])
        self.assertEqual(self.run_in("devices", "--", "ls", "/opt").stdout, "mark\nsu\n")
        self.assertTrue(self.run_in("devices", "--", "ls", "-l", "/opt/su").stdout.startswith("-rwxr-xr-x"))

    def test_a_bomb_ends_and_leaves_nothing(self):
        bomb = gzip.compress(tar_of(("zeros", bytes(400 << 20), "")), 9)
        self.assertLess(len(bomb), 1 << 20)
        done = self.template("import", self.write("bomb.tar.gz", bomb), "--name", "bomb")
        self.assertEqual(done.returncode, 1)
        self.assertIn("decompression bomb", done.stderr)
        self.assertEqual(self.left(), {"images": [], "names": [], "build": []})

    def test_a_killed_build_leaves_nothing_to_be_seen(self):
        self.import_(self.packed(), "before")
        # No cache entry for this one: the build really runs.
        large = self.write("large.tar", tar_of(("usr/large", os.urandom(64 << 20), "")))
        build = subprocess.Popen([BRIG, "template", "import", large, "--name", "before", "--templates-dir", self.store],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(build.kill)
        self.assertTrue(wait_until(lambda: os.listdir(os.path.join(self.store, "build"))))
        build.send_signal(signal.SIGKILL)
        build.wait()
        self.assertEqual(self.names(), ["before"])
        self.assertEqual(self.run_in("before", "--", "cat", "/opt/mark").stdout, "here\n", "the old one is there")
        self.import_(self.packed(), "after")
        self.assertEqual(self.left()["build"], [])

    def test_no_space_left(self):
        place = os.path.join(self.scratch, "full")
        os.mkdir(place)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=290m,mode=0755", "tmpfs", place], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", place])
        large = self.write("filling.tar", tar_of(("usr/large", os.urandom(150 << 20), "")))
        done = self.template("import", large, "--name", "large", store=place)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nearly full", done.stderr)
        self.assertIn("brig template gc", done.stderr)
        # A folder is packed here first, by the host's tar.
        folder = os.path.join(self.scratch, "filling")
        os.mkdir(folder)
        with open(os.path.join(folder, "zeros"), "wb") as file:
            file.truncate(4 << 30)
        done = self.template("import", folder, "--name", "large", store=place)
        self.assertEqual(done.returncode, 1)
        self.assertIn("nearly full", done.stderr)
        self.assertEqual([os.listdir(os.path.join(place, name)) for name in ("images", "names", "build")], [[], [], []])

    def context(self, dockerfile, **files):
        folder = tempfile.mkdtemp(prefix="context-", dir=self.scratch)
        files["Dockerfile"] = dockerfile
        for name, text in files.items():
            path = os.path.join(folder, name.replace("__", "/").replace("_dot_", "."))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(text)
        return folder

    def build(self, name, folder, *more):
        done = self.template("build", name, folder, *more)
        with open(os.path.join(self.store, "logs", name + ".log")) as log:
            return done, log.read()

    def test_a_dockerfile(self):
        self.import_(self.root, "base")
        folder = self.context("""\
            FROM base AS builder
            WORKDIR /build
            RUN id -u > made && echo "$PATH" > path && mkdir /usr/lib/new && chmod 4755 /usr/bin/cat
            FROM base
            ARG WHO=nobody
            ENV GREETING="hello $WHO"
            COPY . /app/
            COPY --from=builder /build/ma* /app/builder/
            COPY <<inline.txt /app/
            $GREETING
            inline.txt
            RUN ["bash", "-c", "echo $GREETING > /app/run"]
            WORKDIR /app
            CMD ["bash", "run.sh"]
            """.replace("            ", ""), run_dot_sh="echo ran", secret="hunter2", sub__deep="x", _dot_dockerignore="secret\n")
        os.chmod(os.path.join(folder, "secret"), 0o600)
        os.chmod(os.path.join(folder, "run.sh"), 0o600)  # its owner may read it, and so may the build
        done, log = self.build("app", folder, "--build-arg", "WHO=world")
        self.assertEqual(done.returncode, 0, done.stderr + log)
        inside = "pwd; cat builder/made inline.txt run; ls -A; bash run.sh; ls /build /usr/lib/new 2>&1"
        done = self.run_in("app", "--", "bash", "-c", inside)
        self.assertEqual(done.stdout, "/app\n0\nhello world\nhello world\n.dockerignore\nDockerfile\nbuilder\ninline.txt\nrun\nrun.sh\nsub\nran\n"
                         "ls: cannot access '/build': No such file or directory\n"
                         "ls: cannot access '/usr/lib/new': No such file or directory\n")
        info = json.loads(self.template("info", "app", "--json").stdout)
        self.assertEqual(info["provenance"]["kind"], "dockerfile")
        self.assertEqual(info["defaults"]["command"], ["bash", "run.sh"])
        self.assertEqual(info["defaults"]["environment"]["GREETING"], "hello world")

    def test_a_dockerfile_is_built_again_from_where_it_changed(self):
        self.import_(self.root, "base")
        text = "FROM base\nCOPY a /a\nRUN echo first > /one\nCOPY b /b\nRUN cat /a /b > /two\n"
        folder = self.context(text, a="1", b="1")
        first, _ = self.build("app", folder)
        self.assertEqual(first.returncode, 0, first.stderr)
        again, _ = self.build("app", folder)
        self.assertIn("(unchanged)", again.stdout)
        self.assertEqual(again.stdout.split()[1], first.stdout.split()[1])
        with open(os.path.join(folder, "b"), "w") as file:
            file.write("2")
        changed, log = self.build("app", folder)
        self.assertEqual(changed.returncode, 0, changed.stderr)
        lines = [line for line in log.splitlines() if line.startswith(("RUN", "COPY"))]
        self.assertEqual(lines, ["COPY a /a (from the cache)", "RUN echo first > /one (from the cache)", "COPY b /b", "RUN cat /a /b > /two"])
        self.assertEqual(self.run_in("app", "--", "cat", "/one", "/two").stdout, "first\n12")
        fresh, log = self.build("app", folder, "--no-cache")
        self.assertNotIn("from the cache", log)
        self.assertEqual(fresh.returncode, 0, fresh.stderr)
        self.assertEqual(self.run_in("app", "--", "cat", "/one", "/two").stdout, "first\n12")

    def test_what_is_not_copied_makes_no_step_again(self):
        self.import_(self.root, "base")
        folder = self.context("FROM base\nCOPY sub/a /a\nRUN cat /a > /b\nCOPY other /other\n", sub__a="1", other="1", left_dot_out="1",
                              _dot_dockerignore="sub/*.out\n*.out\n")
        done, log = self.build("app", folder)
        self.assertEqual(done.returncode, 0, done.stderr + log)
        for name, text in (("left.out", "2"), ("sub/more.out", "2"), ("Dockerfile", None), ("other", "2")):
            with open(os.path.join(folder, name), "a") as file:
                file.write(text or "# a remark\n")
            os.utime(os.path.join(folder, "sub/a"))
            done, log = self.build("app", folder)
            self.assertEqual(done.returncode, 0, done.stderr + log)
            self.assertIn("COPY sub/a /a (from the cache)", log, name)
            self.assertIn("RUN cat /a > /b (from the cache)", log, name)
            self.assertEqual("COPY other /other (from the cache)" in log, name != "other", name)
        self.assertEqual(self.run_in("app", "--", "cat", "/a", "/b", "/other").stdout, "1112")

    def test_a_template_built_upon_its_own_name(self):
        self.import_(self.root, "app")
        folder = self.context("FROM app\nRUN cat /opt/mark /opt/mark > /opt/twice\n")
        done, log = self.build("app", folder)
        self.assertEqual(done.returncode, 0, done.stderr + log)
        newer = os.path.join(self.scratch, "newer")
        shutil.copytree(self.root, newer, symlinks=True)
        with open(os.path.join(newer, "opt/mark"), "w") as mark:
            mark.write("newer\n")
        self.import_(newer, "app")
        done, log = self.build("app", folder)
        self.assertNotIn("unchanged", done.stdout, "it was built upon another template")
        self.assertEqual(self.run_in("app", "--", "cat", "/opt/twice").stdout, "newer\nnewer\n")

    def test_a_dockerfile_that_is_a_link(self):
        self.import_(self.root, "base")
        secret = self.write("secret", b"FROM hunter2\n")
        folder = self.context("FROM base\n")
        os.rename(os.path.join(folder, "Dockerfile"), os.path.join(folder, "Dockerfile.real"))
        os.symlink("Dockerfile.real", os.path.join(folder, "Dockerfile"))
        self.assertEqual(self.build("app", folder)[0].returncode, 0, "in the context it may be one")
        os.unlink(os.path.join(folder, "Dockerfile"))
        os.symlink(secret, os.path.join(folder, "Dockerfile"))
        done, log = self.build("app", folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("is a link that leads out of the context", done.stderr)
        self.assertNotIn("hunter2", done.stderr + log)

    def test_several_are_removed_at_once(self):
        for name in ("one", "two", "three"):
            self.import_(self.packed(), name)
        done = self.template("rm", "one", "nothing", "two")
        self.assertEqual(done.returncode, 1)
        self.assertIn('there is no template "nothing"', done.stderr)
        self.assertIn("GET /v1/templates", done.stderr)
        self.assertEqual(self.names(), ["three"], "each that was there is gone")
        self.assertEqual(self.template("rm", "three").returncode, 0)
        self.assertEqual(self.left()["images"], [])

    def test_squashfs_where_there_is_no_erofs(self):
        if not os.path.exists("/usr/bin/mksquashfs"):
            self.skipTest("squashfs-tools is not installed")
        with open("/proc/filesystems") as file:
            if "squashfs" not in file.read() and subprocess.run(["modprobe", "squashfs"], capture_output=True).returncode != 0:
                self.skipTest("this kernel has no squashfs")
        if not os.path.exists("/dev/loop-control"):
            self.skipTest("there are no loop devices")
        done = self.without(["/usr/bin/mkfs.erofs"], "import", self.root, "--name", "squashed", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        made = json.loads(done.stdout)
        self.assertEqual(made["format"], "squashfs")
        self.assertEqual(self.left()["images"], [made["digest"].split(":")[1] + ".squashfs"])
        report = json.loads(self.run_in("squashed", "--json", "--", "cat", "/opt/mark").stdout)
        self.assertEqual(report["stdout"], "here\n")
        attested = report["attestation"]["rootfs"]
        self.assertEqual((attested["image"], attested["format"], attested["read_only"]), (made["digest"], "squashfs", True))
        self.import_(self.root, "usual")
        usual = json.loads(self.run_in("usual", "--json", "--", "cat", "/opt/mark").stdout)["attestation"]["rootfs"]
        self.assertEqual(usual["format"], "erofs")
        self.assertNotEqual(usual["image"], made["digest"])
        folder = self.context("FROM squashed\nRUN cat /opt/mark > /opt/again\n")
        done, log = self.build("upon", folder)
        self.assertEqual(done.returncode, 0, done.stderr + log)
        self.assertEqual(self.run_in("upon", "--", "cat", "/opt/again").stdout, "here\n")

    def test_what_is_made_afresh_is_what_is_there_afterwards(self):
        self.import_(self.root, "base")
        folder = self.context("FROM base\nRUN echo $RANDOM$RANDOM$RANDOM > /stamp\nRUN cp /stamp /copy\n")

        def stamp(*more):
            done, log = self.build("app", folder, *more)
            self.assertEqual(done.returncode, 0, done.stderr + log)
            stamps = self.run_in("app", "--", "cat", "/stamp", "/copy").stdout.split()
            self.assertEqual(stamps[0], stamps[1])
            return stamps[0]

        first = stamp("--no-cache")
        second = stamp("--no-cache")
        self.assertNotEqual(first, second)
        self.assertEqual(stamp(), second, "not the older one again")
        with open(os.path.join(folder, "Dockerfile"), "a") as file:
            file.write("RUN echo one more step\n")
        self.assertEqual(stamp(), second, "nor the older one's layers")
        collected = json.loads(self.template("gc", "--json").stdout)
        self.assertEqual((collected["layers"], collected["builds"]), (3, 0))

    def test_a_run_that_fails(self):
        self.import_(self.root, "base")
        folder = self.context("FROM base\nRUN echo fine\nRUN echo 'what went wrong' >&2; exit 3\nRUN echo never\n")
        done, log = self.build("broken", folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("line 3: RUN echo 'what went wrong' >&2; exit 3 ended with exit code 3", done.stderr)
        self.assertIn("the log is " + self.store, done.stderr)
        self.assertIn("what went wrong", log)
        self.assertIn("brig: what went wrong\n", done.stderr, "also of a step that fails at once")
        self.assertNotIn("never", log)
        self.assertEqual(self.names(), ["base"])
        self.assertEqual(self.left()["build"], [])
        with open(os.path.join(folder, "Dockerfile"), "w") as file:
            file.write("FROM base\nRUN echo fine\nRUN echo mended\n")
        done, log = self.build("broken", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("RUN echo fine (from the cache)", log, "a build that broke off goes on where it was")

    def test_a_run_is_sealed(self):
        self.import_(self.root, "base")
        folder = self.context("FROM base\nRUN cat /proc/net/dev | wc -l; ls /root /var/lib/brig-templates; cat /etc/shadow; echo $SECRET\n")
        os.environ["SECRET"] = "hunter2"
        self.addCleanup(os.environ.pop, "SECRET")
        done, log = self.build("sealed", folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("\n3\n", log, "loopback and two lines of headings")
        self.assertNotIn("hunter2", log)
        self.assertIn("cat: /etc/shadow: No such file", log)

    def test_from_scratch(self):
        folder = self.context("FROM scratch\nADD root.tar /\nRUN cat /opt/mark > /opt/again\n")
        shutil.copy(self.packed(), os.path.join(folder, "root.tar"))
        done, log = self.build("scratch", folder)
        self.assertEqual(done.returncode, 0, done.stderr + log)
        self.assertEqual(self.run_in("scratch", "--", "cat", "/opt/again").stdout, "here\n")

    def test_debian_packages(self):
        if not os.path.exists("/usr/bin/apt-get"):
            self.skipTest("this machine has no apt-get")
        self.store = tempfile.mkdtemp(prefix="it's a store-", dir=self.scratch)
        secret = self.write("secret", b"of the host\n")
        sources = self.a_source_of_packages(SCRIPT % {"secret": secret, "mark": secret + ".seen"})
        definition = self.write("tiny.toml", b"""
description = "a shell and jq"
[debian]
packages = ["jq", "file", "brig-test"]
exclude = ["/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/man/*"]
remove = ["/usr/share/misc"]
purge = ["libmagic-*", "nothing-like-this"]
[environment]
COLOUR = "red"
[limits]
memory = "100M"
""")
        done = self.with_sources(sources, "build", "tiny", "-f", definition, "--json")
        if re.search("Failed to fetch|Could not resolve|Temporary failure resolving|[Cc]ould not connect", done.stderr):
            self.skipTest("the packages cannot be had: " + done.stderr)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("installing ", done.stderr)
        with open(os.path.join(self.store, "logs", "tiny.log")) as log:  # one of its lines now and then is a sign of life
            self.assertLess(done.stderr.count("Setting up"), log.read().count("Setting up") / 2, done.stderr)
        made = json.loads(done.stdout)
        self.assertEqual(made["provenance"]["kind"], "debian")
        names = [package.split("=")[0] for package in made["provenance"]["packages"]]
        self.assertIn("jq", names)
        self.assertIn("brig-test=1.0", made["provenance"]["packages"])
        self.assertNotIn("libmagic-mgc", names)
        self.assertEqual(made["description"], "a shell and jq")
        self.assertIn("a shell and jq", self.template("info", "tiny").stdout)
        gone = self.run_in("tiny", "--", "sh", "-c", "cd /usr/share; ls -d misc; find doc locale man -type f; ls -d perl5")
        self.assertEqual(gone.stdout, "perl5\n", "what remove and exclude name is gone")
        self.assertIn("misc", gone.stderr)
        done = self.run_in("tiny", "--", "sh", "-c", "echo '[1,2]' | jq -c 'add'; echo $COLOUR; ls /usr/share/doc 2>&1 | wc -l; ls /etc/apt/sources.list /usr/sbin/policy-rc.d 2>&1")
        self.assertEqual(done.stdout.splitlines()[:2], ["3", "red"])
        self.assertEqual(done.stdout.count("No such file"), 2, "where the host gets its packages is nobody's business")
        self.scripts_were_sealed(secret + ".seen")
        explained = subprocess.run([BRIG, "run", "--template", "tiny", "--templates-dir", self.store, "--explain"], capture_output=True, text=True)
        self.assertRegex(explained.stdout, r"limits.memory +100M")
        again = self.with_sources(sources, "build", "again", "-f", definition)
        self.assertIn("(unchanged)", again.stdout)
        fresh = json.loads(self.with_sources(sources, "build", "fresh", "-f", definition, "--no-cache", "--json").stdout)
        self.assertEqual(fresh["digest"], made["digest"], "the same packages give the same digest")

    def scripts_were_sealed(self, mark):
        told = self.run_in("tiny", "--", "cat", "/opt/told").stdout.splitlines()
        self.assertEqual(told, ["0", "no secret", "no device", "no mount", "no network but 1", "no service"], "what a package's script found")
        self.assertFalse(os.path.exists(mark), "and it wrote nothing on the host")

    def a_source_of_packages(self, script):
        """apt's list of sources, with one more of ours: a package with that script."""
        folder = tempfile.mkdtemp(prefix="brig-packages-")
        self.addCleanup(shutil.rmtree, folder)
        os.chmod(folder, 0o755)
        control = "Package: brig-test\nVersion: 1.0\nArchitecture: all\nMaintainer: Nobody <nobody@example.com>\nDescription: a script\n"
        os.makedirs(folder + "/tree/DEBIAN")
        for name, text in (("control", control), ("postinst", script)):
            with open(folder + "/tree/DEBIAN/" + name, "w") as file:
                file.write(text)
        os.chmod(folder + "/tree/DEBIAN/postinst", 0o755)
        os.makedirs(folder + "/tree/opt")
        package = folder + "/brig-test_1.0_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", folder + "/tree", package], check=True, stdout=subprocess.DEVNULL)
        with open(package, "rb") as file:
            contents = file.read()
        index = control + "Filename: ./brig-test_1.0_all.deb\nSize: %d\nSHA256: %s\n" % (len(contents), hashlib.sha256(contents).hexdigest())
        with open(folder + "/Packages", "w") as file:
            file.write(index)
        with open(folder + "/Release", "w") as file:
            file.write("Suite: brig\nSHA256:\n %s %d Packages\n" % (hashlib.sha256(index.encode()).hexdigest(), len(index)))
        sources = folder + "/sources"
        shutil.copytree("/etc/apt/sources.list.d", sources)
        with open(sources + "/brig-test.list", "w") as file:
            file.write("deb [trusted=yes] copy:%s ./\n" % folder)
        return sources

    def with_sources(self, sources, *words):
        return subprocess.run(["unshare", "-m", "sh", "-ec", 'mount --bind "$1" /etc/apt/sources.list.d; shift; exec "$@"', "sh", sources,
                               BRIG, "template", *words, "--templates-dir", self.store], capture_output=True, text=True)

    def without(self, paths, *words):
        """As on a machine where these are not there."""
        hide = "".join("mount --bind /dev/null %s; " % path for path in paths if os.path.exists(path))
        return subprocess.run(["unshare", "-m", "sh", "-ec", hide + 'exec "$@"', "sh", BRIG, "template", *words,
                               "--templates-dir", self.store], capture_output=True, text=True)

    def test_what_a_machine_lacks_is_said_first(self):
        makers = ["/usr/bin/mkfs.erofs", "/usr/bin/mksquashfs"]
        done = self.without(makers, "build", "base")
        self.assertEqual(done.returncode, 1)
        self.assertIn("apt-get install erofs-utils", done.stderr, "and not after the minutes that packages take")
        done = self.without(["/usr/bin/dpkg-deb"], "build", "base")
        self.assertIn("apt-get install dpkg", done.stderr)
        done = self.without([os.path.realpath("/etc/os-release")], "build", "base")
        self.assertIn("names no Debian release: make the template on Debian", done.stderr)

    def test_dockerfiles_that_cannot_be_built(self):
        for text, sentence in (("FROM debian:12\n", "docker save debian:12"), ("FROM scratch\nRUM x\n", "the Dockerfile: line 2: there is no instruction"),
                               ("FROM host\n", "this machine's own /usr and no image to build upon"),
                               ("FROM scratch\nCOPY nothing /x\n", "not in the context"),
                               ("FROM scratch\nCOPY ../x /x\n", "leads out"),
                               ("FROM scratch\nRUN x\n", "no program \"/bin/sh\"")):
            with self.subTest(text):
                done, _ = self.build("x", self.context(text))
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(sentence, done.stderr)
                self.assertEqual(self.left(), {"images": [], "names": [], "build": []})

    def test_mistakes_are_sentences(self):
        bad = self.write("bad.toml", b"[debian]\npackages = [\"a b\"]\n")
        good = self.write("good.toml", b"[debian]\npackages = [\"jq\"]\n")
        for words, code, sentence in (
            (("import", "/nowhere/x.tar"), 2, "No such file"),
            (("import", self.root, "--name", "No Name"), 2, "cannot name a template"),
            (("import", self.root, "--name", "host"), 2, "this machine's own /usr"),
            (("import",), 2, "what is to be imported"),
            (("info", "small"), 1, "there is no template"),
            (("info", "host"), 1, "this machine's own /usr and no image of its own"),
            (("rm", "host"), 1, "this machine's own /usr and no image of its own"),
            (("rm", "small"), 1, "there is no template"),
            (("rm",), 2, "which template"),
            (("build",), 2, "which template"),
            (("build", "bse"), 2, "did you mean \"base\""),
            (("build", "x", "-f", "/nowhere"), 2, "No such file"),
            (("build", "x", "-f", "/usr/bin/env", "/etc/passwd"), 2, "is no folder"),
            (("build", "x", "-f", bad), 2, "bad.toml:2:13: packages: \"a b\" is not"),
            (("build", "base", "--target", "x"), 2, "--target is for a Dockerfile: base is a definition"),
            (("build", "x", "-f", good, "--build-arg", "A=b"), 2, "--build-arg is for a Dockerfile"),
            (("build", "x", "-f", good, "/tmp"), 2, "CONTEXT is for a Dockerfile"),
            (("lst",), 2, "did you mean \"ls\""),
        ):
            with self.subTest(words):
                done = self.template(*words) if words != ("lst",) else subprocess.run(
                    [BRIG, "template", "lst"], capture_output=True, text=True)
                self.assertEqual(done.returncode, code)
                self.assertIn(sentence, done.stderr)
        os.chmod(self.store, 0o777)
        done = self.template("import", self.root, "--name", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("nobody else can change them", done.stderr)


if __name__ == "__main__":
    unittest.main()
