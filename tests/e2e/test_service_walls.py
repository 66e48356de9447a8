#!/usr/bin/python3
"""Several walls in one daemon: which a sandbox gets, that each works, and that they share one launcher."""
import os
import signal
import unittest

from service import Daemon, NEEDS_ROOT, is_alive, wait_until


@unittest.skipUnless(os.geteuid() == 0, NEEDS_ROOT)
class Walls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.daemon = Daemon("--pool", "2")
        cls.addClassCleanup(cls.daemon.end)
        cls.client = cls.daemon.client()
        cls.known = cls.client.expect(200, "GET", "/v1/runtimes")
        cls.walls = {wall["name"]: wall for wall in cls.known["items"] if wall["available"]}

    def create(self, **body):
        made = self.client.expect(201, "POST", "/v1/sandboxes", body)
        self.addCleanup(self.client.request, "DELETE", "/v1/sandboxes/" + made["id"])
        return made

    def need(self, name):
        wall = next(wall for wall in self.known["items"] if wall["name"] == name)
        if not wall["available"]:
            self.skipTest(wall["why_not"])

    def test_each_works_and_says_which_it_is(self):
        for wall in self.known["items"]:
            name = wall["name"]
            with self.subTest(name):
                self.need(name)
                made = self.create(runtime=name, ttl_seconds=60)
                self.assertEqual((made["runtime"], made["boundary"], made["capabilities"]), (name, wall["boundary"], wall["capabilities"]))
                ran = self.client.exec(made["id"], "echo $((6 * 7)); id -u")
                self.assertEqual((ran["status"], ran["stdout"]), ("ok", "42\n1000\n"))
                attested = self.client.expect(200, "GET", "/v1/sandboxes/%s/attestation" % made["id"])
                self.assertEqual((attested["runtime"], attested["boundary"]), (name, wall["boundary"]))
                self.assertEqual(attested["choice"].split(";")[0], "asked for by name")
                self.client.expect(200, "PUT", "/v1/sandboxes/%s/fs?path=/workspace/f" % made["id"], b"kept")
                paused = self.client.post("/v1/sandboxes/%s/pause" % made["id"]).status
                self.assertEqual(paused, 204 if wall["capabilities"]["pause"] else 501)
                if paused == 204:
                    self.client.expect(204, "POST", "/v1/sandboxes/%s/resume" % made["id"], {})
                forked = self.client.expect(201, "POST", "/v1/sandboxes/%s/fork" % made["id"], {})
                self.assertEqual((forked["sandbox"]["runtime"], self.client.exec(forked["children"][0], "cat f")["stdout"]), (name, "kept"))
                self.client.kill(forked["children"][0])

    def test_without_a_wish_and_with_a_floor(self):
        self.assertEqual(self.create()["runtime"], "process")
        strongest = self.create(runtime="auto")
        self.assertEqual(strongest["runtime"], self.known["auto"]["runtime"])
        listed = self.client.exec(strongest["id"], "ls -l / > /dev/null")
        self.assertEqual((listed["status"], listed["stderr"]), ("ok", ""), "what chooses by itself chooses a wall in which ordinary programs run")
        self.assertEqual(self.client.post("/v1/sandboxes", {"require": "hardware"}).status, 501)
        self.assertEqual(self.client.post("/v1/sandboxes", {"require": "user-space-kernel", "runtime": "process"}).status, 501)
        self.assertEqual(self.client.post("/v1/sandboxes", {"runtime": "proces"}).status, 400)
        self.need("gvisor")
        made = self.create(require="user-space-kernel")
        self.assertEqual((made["runtime"], made["boundary"]), ("gvisor", "user-space-kernel"))
        choice = self.client.expect(200, "GET", "/v1/sandboxes/%s/attestation" % made["id"])["choice"]
        self.assertIn("passed over: process (", choice)

    def test_a_key_gets_what_it_is_bound_to(self):
        self.need("gvisor")
        floored = self.daemon.client(self.daemon.make_key(require="user-space-kernel")["key"])
        made = floored.expect(201, "POST", "/v1/sandboxes", {})
        self.assertEqual(made["runtime"], "gvisor")
        self.assertEqual(floored.get("/v1/runtimes").json()["default"]["runtime"], "gvisor")
        floored.kill(made["id"])
        bound = self.daemon.client(self.daemon.make_key(runtimes=["gvisor"])["key"])
        made = bound.expect(201, "POST", "/v1/sandboxes", {})
        self.assertEqual(made["runtime"], "gvisor")
        bound.kill(made["id"])
        self.assertEqual(bound.post("/v1/sandboxes", {"runtime": "process"}).status, 403)
        self.assertEqual({wall["name"]: wall["allowed"] for wall in bound.get("/v1/runtimes").json()["items"]},
                         {wall["name"]: wall["name"] == "gvisor" for wall in self.known["items"]})

    def test_all_of_them_have_a_pool(self):
        for name in self.walls:
            def comes_from_the_pool():
                made = self.client.expect(201, "POST", "/v1/sandboxes", {"runtime": name})
                self.client.kill(made["id"])
                return made["boot_mode"] == "pool"
            with self.subTest(name):
                self.assertTrue(wait_until(comes_from_the_pool, pause=0.2))

    def test_they_share_one_launcher(self):
        launcher = self.daemon.launcher
        for _ in range(3):
            for name in self.walls:
                self.client.kill(self.create(runtime=name)["id"])
        self.assertEqual(self.daemon.launcher, launcher)
        os.kill(launcher, signal.SIGKILL)
        self.assertTrue(wait_until(lambda: not is_alive(launcher)))
        for name in self.walls:
            made = self.create(runtime=name, limits={"pids": 70})  # none that was prepared before
            self.assertEqual(self.client.exec(made["id"], "echo back")["stdout"], "back\n")
        self.assertNotEqual(self.daemon.launcher, launcher)


if __name__ == "__main__":
    unittest.main()
