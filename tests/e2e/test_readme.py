#!/usr/bin/python3
"""Every command that a README shows after <!-- test --> is run, and its output compared with the one that is shown.

A block is one shell's. In the shown output `…` stands for anything, also for several lines when it is alone on its line. Blocks after
<!-- test service --> talk to a daemon that is started for them. Blocks in other languages name the test that runs them, where their package is
installed: <!-- test sdk_python -->, <!-- test sdk_typescript -->, <!-- test pandastack -->,
<!-- test e2b -->.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from service import Daemon  # noqa: E402  (its folder was not on the path)

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BRIG = pathlib.Path(os.environ.get("BRIG", ROOT / "build/dev/bin/brig"))
MARK = "-- end of a step --"
HAS_MATPLOTLIB = subprocess.run(["/usr/bin/python3", "-c", "import matplotlib, pandas"], capture_output=True).returncode == 0


def blocks_of(text, mark):
    """Lists of (command, shown output), one list a marked block."""
    for block in re.findall(r"^<!-- " + mark + r" -->\n```console\n(.*?)^```$", text, re.M | re.S):
        steps = []
        for line in block.splitlines():
            if line.startswith("$ "):
                steps.append([line[2:], []])
            elif steps and steps[-1][0].endswith("\\"):
                steps[-1][0] += "\n" + line
            else:
                steps[-1][1].append(line)
        yield steps


def pattern_of(shown):
    lines = [".*" if line.strip() == "…" else re.escape(line.rstrip()).replace("…", "[^\n]*") for line in shown]
    return re.compile("\n".join(lines) + "$", re.S)


@unittest.skipUnless(os.geteuid() == 0, "needs root: shows what root sees")
@unittest.skipUnless(HAS_MATPLOTLIB, "no pandas or matplotlib in /usr")
class Readme(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="brig-readme-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        shutil.copytree(ROOT / "examples", self.folder / "examples")

    def check(self, name, mark, **more):
        blocks = list(blocks_of((ROOT / name).read_text(), mark))
        self.assertTrue(blocks, f"{name} shows nothing that is tested")
        environment = {"PATH": f"{BRIG.parent}:/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8", **more}
        for steps in blocks:
            script = "".join(f"{command}\nprintf %s '{MARK}'\n" for command, _ in steps)
            done = subprocess.run(["/bin/bash", "-c", script], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)
            outputs = done.stdout.split(MARK)
            self.assertEqual(len(outputs), len(steps) + 1, "the shell ended early")
            for (command, shown), said in zip(steps, outputs):
                with self.subTest(command=command):
                    said = "\n".join(line.rstrip() for line in said.rstrip("\n").split("\n"))
                    self.assertRegex(said, re.compile(r"\A" + pattern_of(shown).pattern, re.S))

    def test_readme(self):
        self.check("README.md", "test")

    def test_service(self):
        daemon = Daemon()
        self.addCleanup(daemon.close)
        self.check("README.md", "test service", BRIG_API_URL="http://%s:%d" % daemon.address, BRIG_API_KEY=daemon.key)

    def test_examples(self):
        """Those that need no package; the others are run where their package is installed."""
        daemon = Daemon()
        self.addCleanup(daemon.close)
        environment = {"PATH": f"{BRIG.parent}:/usr/bin:/bin", "BRIG_API_URL": "http://%s:%d" % daemon.address, "BRIG_API_KEY": daemon.key}
        for name in ("agent.sh", "curl.sh"):
            with self.subTest(example=name):
                chart = self.folder / f"{name}.png"
                done = subprocess.run([ROOT / "examples/sdk" / name, ROOT / "examples/weather/seattle-weather.csv", chart], env=environment,
                                      stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertRegex(done.stdout, r"^8 is the warmest month: \d+\.\d degrees\n$")
                self.assertEqual(chart.read_bytes()[:4], b"\x89PNG")
        self.assertEqual(daemon.client().list(), [])
        for arguments, key in (([], "brig_x"), (["a", "b"], "")):
            done = subprocess.run([ROOT / "examples/sdk/curl.sh", *arguments], env={**environment, "BRIG_API_KEY": key}, capture_output=True, text=True, timeout=60)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertRegex(done.stderr, r"\Ausage: .*curl.sh DATA.csv CHART.png\n\Z")

    def test_every_mark_has_its_test(self):
        marks = re.findall(r"^<!-- (.*) -->$", (ROOT / "README.md").read_text(), re.M)
        self.assertEqual(set(marks), {"test", "test service", "test sdk_python", "test sdk_typescript", "test pandastack", "test e2b"})


if __name__ == "__main__":
    unittest.main()
