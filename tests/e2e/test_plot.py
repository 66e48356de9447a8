#!/usr/bin/python3
"""From a Dockerfile of one's own to a plot: one template, the same figure and the same verdict behind every wall that can have templates."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_templates import BRIG, have_to_be_root, small_root  # noqa: E402

PACKAGES = "/usr/lib/python3/dist-packages"
# Debian's python3-matplotlib and what it needs to draw a PNG.
MODULES = ["PIL", "contourpy", "cycler.py", "dateutil", "fontTools", "kiwisolver", "matplotlib", "mpl_toolkits", "numpy", "packaging", "pyparsing",
           "six.py"]
DATA = ["/usr/share/matplotlib", "/usr/share/fonts/truetype/dejavu"]
DOCKERFILE = """FROM python
ENV MPLBACKEND=Agg MPLCONFIGDIR=/opt/plot
COPY plot.py /opt/plot/
RUN python3 -c 'import matplotlib.pyplot' && ls /opt/plot
"""
PLOT = """import matplotlib.pyplot as plt
def draw(numbers):
    plt.plot(numbers)
    plt.title("from a Dockerfile of one's own")
    plt.show()
"""
TASK = "import sys; sys.path.insert(0, '/opt/plot'); import plot; plot.draw([1, 4, 9, 16]); print('drawn')"
WALLS = ["process", "container", "gvisor"]


def libraries_of(paths):
    """Every shared library that these need, as paths."""
    found = set()
    for path in paths:
        for word in subprocess.run(["ldd", path], capture_output=True, text=True).stdout.split():
            if word.startswith("/"):
                found.add(word)
    return found


def python_root(folder):
    """A root with this machine's own Python and matplotlib: what `brig template build` would get from Debian, without its minutes."""
    small_root(folder)
    version = "python%d.%d" % tuple(int(word) for word in subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True).stdout.split())
    unneeded = shutil.ignore_patterns("test", "tests", "idlelib", "lib2to3", "ensurepip", "config-*", "__pycache__")
    trees = ["/usr/lib/" + version] + [PACKAGES + "/" + name for name in MODULES] + DATA
    for tree in trees:
        if os.path.isdir(tree):
            shutil.copytree(tree, folder + tree, symlinks=True, ignore=unneeded, ignore_dangling_symlinks=True)
        elif os.path.exists(tree):
            os.makedirs(os.path.dirname(folder + tree), exist_ok=True)
            shutil.copy2(tree, folder + tree)
    shutil.copy2(os.path.realpath("/usr/bin/python3"), folder + "/usr/bin/python3")
    objects = [os.path.join(place, name) for tree in trees for place, _, names in os.walk(tree) for name in names if name.endswith(".so")]
    for library in libraries_of(["/usr/bin/python3", *objects]):
        place = "usr/lib64" if "ld-linux" in library else "usr/lib"
        shutil.copy2(os.path.realpath(library), os.path.join(folder, place, os.path.basename(library)))
    if os.path.exists("/etc/matplotlibrc"):
        shutil.copy2("/etc/matplotlibrc", folder + "/etc/matplotlibrc")


class Plot(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        have_to_be_root()
        if not os.path.isdir(PACKAGES + "/matplotlib"):
            raise unittest.SkipTest("python3-matplotlib is not installed (scripts/install-deps test)")
        cls.folder = tempfile.mkdtemp(prefix="brig-plot-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        cls.store = cls.folder + "/store"
        os.makedirs(cls.folder + "/root")
        python_root(cls.folder + "/root")
        cls.template("import", cls.folder + "/root", "--name", "python")
        os.makedirs(cls.folder + "/context")
        for name, text in (("Dockerfile", DOCKERFILE), ("plot.py", PLOT)):
            with open(cls.folder + "/context/" + name, "w") as file:
                file.write(text)
        cls.template("build", "plot", cls.folder + "/context")

    @classmethod
    def template(cls, *words):
        done = subprocess.run([BRIG, "template", *words, "--templates-dir", cls.store], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError("brig template %s: %s" % (" ".join(words), done.stderr))

    def works(self, wall):
        doctor = json.loads(subprocess.run([BRIG, "doctor", "--json"], capture_output=True).stdout)
        return next(one["is_available"] for one in doctor["walls"] if one["runtime"] == wall)

    def draw(self, wall):
        out = tempfile.mkdtemp(dir=self.folder)
        done = subprocess.run([BRIG, "run", "--runtime", wall, "--template", "plot", "--templates-dir", self.store, "--memory", "512M", "--timeout", "2m",
                               "--out", out, "--json", "-c", TASK], capture_output=True, text=True, stdin=subprocess.DEVNULL)
        report = json.loads(done.stdout)
        self.assertEqual((report["status"], report["exit_code"], report["stdout"]), ("ok", 0, "drawn\n"), (wall, report))
        self.assertEqual(report["attestation"]["runtime"], wall)
        with open(os.path.join(out, os.listdir(out)[0]), "rb") as file:
            return os.listdir(out), file.read()

    def test_the_same_figure_behind_every_wall(self):
        names, figure = self.draw("process")
        self.assertEqual(len(names), 1, names)
        self.assertTrue(names[0].endswith(".png"), names)
        self.assertTrue(figure.startswith(b"\x89PNG\r\n\x1a\n"))
        self.assertGreater(len(figure), 5000, "an empty picture is smaller")
        for wall in WALLS[1:]:
            with self.subTest(wall):
                if not self.works(wall):
                    self.skipTest("the wall %s cannot be built here (brig doctor says why)" % wall)
                self.assertEqual(self.draw(wall), (names, figure))

    def test_the_same_verdict_behind_every_wall(self):
        for wall in WALLS:
            with self.subTest(wall):
                if not self.works(wall):
                    self.skipTest("the wall %s cannot be built here (brig doctor says why)" % wall)
                done = subprocess.run([BRIG, "run", "--runtime", wall, "--template", "plot", "--templates-dir", self.store, "--json", "-c",
                                       "import plot_that_is_not_there"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
                report = json.loads(done.stdout)
                self.assertEqual((report["status"], report["exit_code"], report["error"]["name"]), ("error", 1, "ModuleNotFoundError"))


if __name__ == "__main__":
    unittest.main()
