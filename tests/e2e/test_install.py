#!/usr/bin/python3
"""cmake --install puts everything that a run needs below one prefix, and it runs from there."""
import os
import subprocess
import tempfile
import unittest

BUILD = os.environ.get("BRIG_BUILD_DIR", os.path.join(os.path.dirname(__file__), "../../build/dev"))


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="brig-install-")
        cls.addClassCleanup(folder.cleanup)
        cls.prefix = folder.name
        os.chmod(cls.prefix, 0o755)
        subprocess.run(["cmake", "--install", BUILD, "--prefix", cls.prefix], check=True, capture_output=True)

    def brig(self, *arguments):
        """From a folder that is not the prefix, with nothing of our environment."""
        return subprocess.run([os.path.join(self.prefix, "bin/brig"), *arguments], cwd="/", env={}, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)

    def test_nothing_but_programs_is_installed(self):
        found = sorted(os.path.relpath(os.path.join(folder, name), self.prefix)
                       for folder, _, names in os.walk(self.prefix) for name in names)
        self.assertIn("bin/brig", found)
        self.assertIn("libexec/brig/brig-launch", found)
        self.assertIn("libexec/brig/brig-init", found)
        self.assertIn("libexec/brig/brigd", found)
        self.assertEqual([f for f in found if not f.startswith(("bin/brig", "libexec/brig/brig"))], [])

    def test_programs_are_static(self):
        for name in ("bin/brig", "libexec/brig/brig-launch", "libexec/brig/brig-init", "libexec/brig/brigd"):
            with open(os.path.join(self.prefix, name), "rb") as program:
                self.assertNotIn(b"/lib64/ld-linux", program.read(), name)

    def test_brig_finds_the_daemon_and_its_client(self):
        for command in ("serve", "sandbox", "keys"):
            done = self.brig(command, "--help")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("Usage: brig " + command, done.stdout)

    @unittest.skipUnless(os.geteuid() == 0, "needs root: makes sandboxes as the installed program does")
    def test_the_installed_program_runs(self):
        self.assertEqual(self.brig("run", "--", "true").returncode, 0)
        done = self.brig("run", "-c", "print(6*7)")
        self.assertEqual((done.returncode, done.stdout), (0, "42\n"), done.stderr)


if __name__ == "__main__":
    unittest.main()
