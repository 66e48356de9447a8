#!/usr/bin/python3
"""What the scripts show a person while they build."""
import os
import pathlib
import pty
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NINJA = "echo '[1/12] Building a.o'; echo 'a note'; echo '[12/12] Linking b'; exit "


class Counted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="brig-scripts-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "scripts").mkdir()
        shutil.copy(ROOT / "scripts/lib.sh", self.folder / "scripts")
        self.shell = ["/bin/bash", "-c", '. "$0"; counted step /bin/sh -c "$1"; echo "code $?"',
                      str(self.folder / "scripts/lib.sh")]

    def on_a_terminal(self, command):
        pid, terminal = pty.fork()
        if pid == 0:
            os.execv("/bin/bash", [*self.shell, command])
        text = b""
        while True:
            try:
                text += os.read(terminal, 4096)
            except OSError:  # EIO: the other end is closed
                break
        os.close(terminal)
        os.waitpid(pid, 0)
        return text.decode().replace("\r\n", "\n")

    def log(self):
        return (self.folder / "build/log/step.log").read_text()

    def test_a_terminal_sees_one_line_that_counts(self):
        self.assertEqual(self.on_a_terminal(NINJA + "0"), "\r[ 1/12] building\x1b[K\r[12/12] building\x1b[K\r\x1b[Kcode 0\n")
        self.assertEqual(self.log(), "[1/12] Building a.o\na note\n[12/12] Linking b\n")

    def test_a_failure_is_shown_with_its_code(self):
        text = self.on_a_terminal(NINJA + "3")
        self.assertIn("failed (3)", text)
        self.assertIn("    a note\n", text)
        self.assertTrue(text.endswith("code 3\n"), text)

    def test_elsewhere_nothing_counts(self):
        done = subprocess.run([*self.shell, NINJA + "0"], capture_output=True, text=True)
        self.assertEqual(done.stdout, "code 0\n")
        self.assertEqual(self.log(), "[1/12] Building a.o\na note\n[12/12] Linking b\n")


if __name__ == "__main__":
    unittest.main()
