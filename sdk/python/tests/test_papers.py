"""The example and the README do what they say, and the types hold."""

import dataclasses
import importlib.metadata
import importlib.util
import inspect
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import brig

from daemon import WHY_NOT, Daemon

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../../..")
HAS_PANDAS = subprocess.run(["/usr/bin/python3", "-c", "import pandas, matplotlib"], capture_output=True).returncode == 0


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Papers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        daemon = Daemon("--pool", "0")
        cls.addClassCleanup(daemon.stop)
        cls.environment = {**os.environ, "BRIG_API_URL": daemon.url, "BRIG_API_KEY": daemon.key}

    @unittest.skipUnless(HAS_PANDAS, "needs pandas and matplotlib for /usr/bin/python3")
    def test_the_agent(self):
        with tempfile.TemporaryDirectory() as folder:
            chart = os.path.join(folder, "chart.png")
            done = subprocess.run(
                [sys.executable, os.path.join(ROOT, "examples/sdk/agent.py"), os.path.join(ROOT, "examples/weather/seattle-weather.csv"), chart],
                env=self.environment, capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("is the warmest month", done.stdout)
            with open(chart, "rb") as file:
                self.assertEqual(file.read(8), b"\x89PNG\r\n\x1a\n")

    def test_the_agent_says_what_it_wants(self):
        done = subprocess.run([sys.executable, os.path.join(ROOT, "examples/sdk/agent.py")], capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("usage: agent.py DATA.csv CHART.png", done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def run_block(self, number, before, folder):
        with open(os.path.join(HERE, "../README.md")) as file:
            code = re.findall(r"```python\n(.*?)```", file.read(), re.S)[number]
        return subprocess.run([sys.executable, "-c", before + code], cwd=folder, env=self.environment, capture_output=True, text=True, timeout=60)

    def test_the_readme(self):
        before = 'model_code = "print(6 * 7); open(\'/workspace/chart.png\', \'w\').write(\'x\')"\n'
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_block(0, before, folder)
            self.assertEqual((done.returncode, done.stdout), (0, "ok 0 42\n\n"), done.stderr)
            self.assertEqual(os.listdir(folder), ["chart.png"])

    def test_the_first_readme(self):
        with open(os.path.join(ROOT, "README.md")) as file:
            blocks = re.findall(r"^<!-- test sdk_python -->\n```python\n(.*?)^```$", file.read(), re.M | re.S)
        said = ["ok 0 42\n\n", "42 ['hello\\n']\n"]
        for code, expected in zip(blocks, said):
            done = subprocess.run([sys.executable, "-c", "model_code = 'print(6 * 7)'\n" + code], env=self.environment, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (0, expected), done.stderr)
        self.assertEqual(len(blocks), len(said))

    @unittest.skipUnless(HAS_PANDAS, "needs pandas and matplotlib for /usr/bin/python3")
    def test_the_readme_runs_cells(self):
        with tempfile.TemporaryDirectory() as folder:
            done = self.run_block(1, "from brig import Sandbox\n", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stdout.splitlines()[1], "ZeroDivisionError: division by zero [ 2, 4, 6 ]")
            self.assertEqual(os.listdir(folder), ["chart.png"])

    def test_the_readme_goes_on(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkdir(os.path.join(folder, "project"))
            done = self.run_block(2, "from brig import Sandbox\n", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"^/workspace/new\nhttp://8000-\w+\.localhost:\d+/\?brig_preview=\S+\n$")

    def test_the_readme_names_every_error(self):
        with open(os.path.join(HERE, "../README.md")) as file:
            text = file.read()
        for name in brig.__all__:
            if name.endswith("Error") and name != "BrigError":
                self.assertIn(f"`{name}`", text)


def public(kind):
    """The public methods and properties of a class."""
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_") and not isinstance(member, str)}


class Twins(unittest.TestCase):
    def test_asynchronous_classes_take_what_their_twins_take(self):
        for kind in (brig.Sandbox, brig.Process, brig.Processes, brig.Terminal, brig.Filesystem, brig.Ports, brig.Snapshot, brig.Template, brig.Watch, brig.ForkTree, brig.Client):
            twin = getattr(brig, "Async" + kind.__name__)
            self.assertEqual(set(public(kind)), set(public(twin)), kind)
            for name, member in public(kind).items():
                if callable(member):
                    ours, theirs = (list(inspect.signature(one).parameters.values()) for one in (member, getattr(twin, name)))
                    self.assertEqual([(p.name, p.kind, p.default) for p in ours], [(p.name, p.kind, p.default) for p in theirs], (kind, name))

    def test_everything_has_docs(self):
        plain = {"list", "info", "stat", "exists", "close", "promote"}  # nothing to say beyond the name and the types
        for name in brig.__all__:
            kind = getattr(brig, name)
            self.assertTrue(kind.__doc__, name)
            for method, member in public(kind).items() if not issubclass(kind, BaseException) else ():
                if callable(member) and method not in plain and method != "from_json" and not dataclasses.is_dataclass(kind):
                    self.assertTrue(inspect.getdoc(member), f"{name}.{method}")


class Package(unittest.TestCase):
    def test_it_is_whole(self):
        installed, source = (pathlib.Path(folder) for folder in (os.path.dirname(brig.__file__), os.path.join(HERE, "../brig")))
        files = {str(path.relative_to(source)) for path in source.rglob("*") if path.suffix in (".py", ".typed")}
        self.assertIn("py.typed", files)
        self.assertEqual({str(path.relative_to(installed)) for path in installed.rglob("*") if path.suffix in (".py", ".typed")}, files)
        self.assertEqual(importlib.metadata.version("brig"), brig.__version__)
        needs = [need for need in importlib.metadata.requires("brig") or () if "extra ==" not in need]
        self.assertEqual([re.match(r"\w+", need).group() for need in needs], ["httpx"])


class Types(unittest.TestCase):
    @unittest.skipUnless(importlib.util.find_spec("mypy"), "needs mypy")
    def test_mypy_is_content(self):
        with tempfile.TemporaryDirectory() as cache:
            done = subprocess.run(
                [sys.executable, "-m", "mypy", "--strict", "--python-version", "3.9", "--cache-dir", cache, os.path.join(HERE, "../brig")],
                capture_output=True,
                text=True,
            )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
