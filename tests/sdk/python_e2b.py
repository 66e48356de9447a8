#!/usr/bin/python3
"""E2B's published Python packages against a daemon: tests/e2b/python, in a virtual environment below the build folder.

Everything from the package index has a version (tests/e2b/python/requirements.txt). Without an index the tests are skipped, and say so.
"""
import os
import pathlib
import sys
import unittest

import venv_of

TESTS = pathlib.Path(__file__).resolve().parent.parent / "e2b/python"
VENV = pathlib.Path(os.environ["BRIG_BUILD_DIR"]) / "venv-e2b-python"
PYTHON = VENV / "bin/python"


class Skipped(unittest.TestCase):
    def test_e2b_python(self):
        self.skipTest(why_not)


why_not = venv_of.prepare(VENV, TESTS / "requirements.txt")
if not why_not and os.geteuid() != 0:
    why_not = "needs root: makes sandboxes as the installed daemon does"
if why_not:
    unittest.main()
sys.path.insert(0, str(TESTS.parent.parent / "e2e"))
import service  # noqa: E402  (its folder was not on the path)

service.adopt_orphans()
daemon = service.Daemon()
try:
    url = "http://%s:%d" % daemon.address
    environment = {**os.environ, "PYTHONSAFEPATH": "1", "E2B_API_URL": url, "E2B_SANDBOX_URL": url, "E2B_API_KEY": daemon.key.replace("brig_", "e2b_", 1)}
    ran = venv_of.subprocess.run([str(PYTHON), "-B", "-m", "unittest", "discover", "--start-directory", str(TESTS), *sys.argv[1:]], env=environment)
    ended = daemon.stop()
    if ran.returncode or ended:
        print(daemon.log()[-4000:].decode(errors="replace"), end="")
finally:
    daemon.close()
sys.exit(ran.returncode or ended)
