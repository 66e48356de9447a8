#!/usr/bin/python3
"""The command line before something that is no Brig, whatever that answers: a sentence, and nothing looked for in what is not there."""
import os
import subprocess
import tempfile
import unittest

from service import BRIG, PATIENCE, no_daemon

ANSWERS = (b"", b"[]", b"{}", b"<html>", b'{"items": 7, "snapshots": {}, "ports": "x", "id": 7, "key": [], "url": null}',
           b'{"items": [7], "snapshots": [[]], "ports": [null], "id": "", "key": "", "sandbox": 7}', b"[" * 100_000)
COMMANDS = (
    ["keys", "ls"], ["keys", "create"],
    ["sandbox", "create"], ["sandbox", "ls"], ["sandbox", "info", "s1"], ["sandbox", "snapshot", "s1"], ["sandbox", "snapshot", "ls"], ["sandbox", "fork", "s1"],
    ["sandbox", "ports", "s1"], ["sandbox", "ports", "s1", "80"], ["sandbox", "ports", "--preview", "1h", "s1", "80"], ["sandbox", "cp", "s1:/f", "f"],
    ["sandbox", "exec", "s1", "true"], ["sandbox", "exec", "-t", "s1", "true"], ["sandbox", "logs", "-f", "s1"],
    ["bench", "--api", "-n", "1", "--clients", "1", "--seconds", "1", "--idle", "1", "--megabytes", "1"], ["mcp"], ["repl"], ["run", "--context", "c", "-c", "1"],
)
# What these print or do is what came, or nothing: an answer of the right kind cannot be told from a wrong one.
MAY_END_WELL = (["sandbox", "logs", "-f", "s1"], ["sandbox", "info", "s1"], ["sandbox", "cp", "s1:/f", "f"], ["sandbox", "ls"])


class NoDaemon(unittest.TestCase):
    def brig(self, url, words):
        environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "BRIG_API_URL": url, "BRIG_API_KEY": "brig_k"}
        if words[0] == "keys":
            words = [*words, "--api-url", url]
        if words[0] == "bench":
            words = [*words, "--url", url]
        with tempfile.TemporaryDirectory() as folder:
            return subprocess.run([BRIG, *words], cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)

    def test_each_command_says_so(self):
        for answer in ANSWERS:
            with no_daemon(answer) as url:
                for words in COMMANDS:
                    with self.subTest(answer=answer[:40], words=words):
                        ran = self.brig(url, words)
                        if ran.returncode == 0 and words in MAY_END_WELL:
                            continue
                        self.assertIn(ran.returncode, (1, 2, 125), ran.stderr)
                        self.assertRegex(ran.stderr, r"^brig: .")
                        self.assertNotIn("internal error", ran.stderr)

    def test_a_list_without_an_end_ends(self):
        with no_daemon(b'{"items": [], "next_cursor": "again"}') as url:
            self.assertEqual(self.brig(url, ["sandbox", "ls"]).returncode, 0)


if __name__ == "__main__":
    unittest.main()
