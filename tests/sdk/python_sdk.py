#!/usr/bin/python3
"""The Python SDK's tests, with the package installed as a user does it: into a virtual environment below the build folder.

Everything from the package index has a version (sdk/python/tests/requirements.txt). Without an index the tests are skipped, and say so.
"""
import os
import pathlib
import sys
import tempfile
import unittest

import venv_of

SDK = pathlib.Path(__file__).resolve().parent.parent.parent / "sdk/python"
REQUIREMENTS = SDK / "tests/requirements.txt"
VENV = pathlib.Path(os.environ["BRIG_BUILD_DIR"]) / "venv-sdk-python"
PYTHON = VENV / "bin/python"


def prepare():
    """Why the tests cannot run here; None if they can."""
    why_not = venv_of.prepare(VENV, REQUIREMENTS)
    if why_not:
        return why_not
    # The tests run what users install, not the folder of sources: a wheel.
    with tempfile.TemporaryDirectory() as folder:
        done = venv_of.run(PYTHON, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, SDK)
        if done.returncode != 0:
            sys.exit("pip cannot make a wheel of sdk/python:\n" + done.stdout)
        done = venv_of.pip(VENV, "--no-deps", "--no-index", "--force-reinstall", *pathlib.Path(folder).glob("*.whl"))
        if done.returncode != 0:
            sys.exit("pip cannot install the wheel:\n" + done.stdout)
    checked = venv_of.run(PYTHON, "-m", "pip", "check", "--disable-pip-version-check")
    if checked.returncode != 0:
        sys.exit("the pinned versions do not fit together:\n" + checked.stdout)
    return None


class Skipped(unittest.TestCase):
    def test_sdk_python(self):
        self.skipTest(why_not)


why_not = prepare()
if why_not:
    unittest.main()
os.environ["PYTHONSAFEPATH"] = "1"
os.execv(PYTHON, [str(PYTHON), "-B", "-m", "unittest", "discover", "--start-directory", str(SDK / "tests"), *sys.argv[1:]])
