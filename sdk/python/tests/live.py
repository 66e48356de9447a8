"""One daemon for a module of tests, and sandboxes that surely end."""

import os
import time
import unittest

from brig import Sandbox

from daemon import PATIENCE, WHY_NOT, Daemon

_daemon = None


def daemon():
    return _daemon


def setUpModule():
    global _daemon
    if WHY_NOT:
        raise unittest.SkipTest(WHY_NOT)
    _daemon = Daemon("--pool", "2")
    os.environ["BRIG_API_URL"], os.environ["BRIG_API_KEY"] = _daemon.url, _daemon.key


def tearDownModule():
    _daemon.stop()


class LiveCase(unittest.TestCase):
    def setUp(self):
        self.sandbox = self.make()

    def make(self, **options):
        options.setdefault("ttl_seconds", 300)
        sandbox = Sandbox.create(**options)
        self.addCleanup(sandbox.close)
        self.addCleanup(sandbox.kill)
        return sandbox

    def eventually(self, claim):
        give_up = time.monotonic() + PATIENCE
        while time.monotonic() < give_up:
            if claim():
                return
            time.sleep(0.05)
        self.fail("did not come true")
