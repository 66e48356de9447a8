#!/usr/bin/python3
"""Every command that a README shows after <!-- test --> is run, and its output compared with the one that is shown.

In the shown output `…` stands for anything, also for several lines when it is alone on its line.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BRIG = pathlib.Path(os.environ.get("BRIG", ROOT / "build/dev/bin/brig"))
HAS_MATPLOTLIB = subprocess.run(["/usr/bin/python3", "-c", "import matplotlib, pandas"], capture_output=True).returncode == 0


def blocks_of(text):
    """Lists of (command, shown output), one list a marked block."""
    for block in re.findall(r"^<!-- test -->\n```console\n(.*?)^```$", text, re.M | re.S):
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

    def check(self, name):
        blocks = list(blocks_of((ROOT / name).read_text()))
        self.assertTrue(blocks, f"{name} shows nothing that is tested")
        environment = {"PATH": f"{BRIG.parent}:/usr/bin:/bin", "HOME": str(self.folder), "LANG": "C.UTF-8"}
        for command, shown in (step for steps in blocks for step in steps):
            with self.subTest(command=command):
                done = subprocess.run(["/bin/bash", "-c", command], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
                said = "\n".join(line.rstrip() for line in done.stdout.rstrip("\n").split("\n"))
                self.assertRegex(said, re.compile(r"\A" + pattern_of(shown).pattern, re.S))

    def test_readme(self):
        self.check("README.md")


if __name__ == "__main__":
    unittest.main()
