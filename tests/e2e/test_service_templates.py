#!/usr/bin/python3
"""Templates behind the API: sandboxes of an image that the machine's owner made, and what nobody may do over HTTP."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest
import unittest.mock

import service
from service import BRIG, Daemon, wait_until
import test_templates
from test_templates import have_to_be_root, small_root


class Templates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        have_to_be_root()
        cls.scratch = tempfile.mkdtemp(prefix="brig-service-templates-")
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        cls.root, cls.folder = os.path.join(cls.scratch, "root"), os.path.join(cls.scratch, "templates")
        os.mkdir(cls.root)
        os.chmod(cls.scratch, 0o755)
        with unittest.mock.patch.object(test_templates, "PROGRAMS", [*test_templates.PROGRAMS, "tar"]):  # copies are its work
            small_root(cls.root)
        cls.make("small", "--env", "COLOUR=red")
        cls.daemon = Daemon("--templates-dir", cls.folder, "--pool", "2", "--pool", "small=3")
        cls.addClassCleanup(cls.daemon.end)
        cls.client = cls.daemon.client()

    @classmethod
    def make(cls, name, *flags):
        done = subprocess.run([BRIG, "template", "import", cls.root, "--name", name, "--templates-dir", cls.folder, "--json", *flags], capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return json.loads(done.stdout)

    def ready(self, template):
        text = service.Client(self.daemon.address).get("/metrics").body.decode()
        line = 'brig_pool_ready{runtime="process",template="%s"} ' % template
        return next((float(one.removeprefix(line)) for one in text.splitlines() if one.startswith(line)), 0)

    def test_a_sandbox_of_an_image(self):
        listed = {one["name"]: one for one in self.client.expect(200, "GET", "/v1/templates")["items"]}
        self.assertEqual((listed["small"]["usable"], listed["small"]["memory_mb"], listed["small"]["languages"]), (True, 256, ["bash"]))
        sandbox = self.client.create(template="small", ttl_seconds=60)
        ran = self.client.exec(sandbox, "cat /opt/mark; echo $COLOUR; ls /usr/share 2>&1 | wc -l; (echo > /usr/x) 2>/dev/null || echo sealed")
        self.assertEqual(ran["stdout"], "here\nred\n1\nsealed\n", ran)
        attested = self.client.expect(200, "GET", "/v1/sandboxes/%s/attestation" % sandbox)
        self.assertEqual((attested["rootfs"]["read_only"], attested["rootfs"]["image"]), (True, listed["small"]["digest"]))
        forked = self.client.expect(201, "POST", "/v1/sandboxes/%s/fork" % sandbox, {})["children"][0]
        self.assertEqual(self.client.exec(forked, "cat /opt/mark")["stdout"], "here\n")
        for one in (sandbox, forked):
            self.client.kill(one)

    def test_what_a_model_is_told(self):
        said = self.client.get("/v1/templates/small/prompt")
        self.assertEqual((said.status, said.headers["Content-Type"]), (200, "text/markdown; charset=utf-8"))
        for part in ("template `small`", "Languages: bash.", "Memory: 256M", "Network: none"):
            self.assertIn(part, said.body.decode())
        self.assertIn("python", self.client.get("/v1/templates/host/prompt").body.decode())
        self.assertEqual(self.client.get("/v1/templates/none/prompt").status, 404)
        self.assertEqual(service.Client(self.daemon.address).get("/v1/templates/host/prompt").status, 401)
    def test_sandboxes_of_one_share_its_pages(self):
        size, count = 16 << 20, 8
        root = os.path.join(self.scratch, "large-root")
        shutil.copytree(self.root, root, symlinks=True)
        with open(os.path.join(root, "opt/large"), "wb") as file:
            file.write(os.urandom(size))
        done = subprocess.run([BRIG, "template", "import", root, "--name", "large", "--templates-dir", self.folder], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        charged = lambda one: self.client.expect(200, "GET", "/v1/sandboxes/%s/metrics" % one)["memory_bytes"]
        sandboxes = [self.client.create(template="large", ttl_seconds=120) for _ in range(count)]
        before = [charged(one) for one in sandboxes]
        for one in sandboxes:
            self.assertEqual(self.client.exec(one, "cat /opt/large | wc -c")["stdout"], "%d\n" % size)
        grown = [charged(one) - then for one, then in zip(sandboxes, before)]
        # A page is charged to who read it first. That one may have read the image file's pages and the unpacked ones, which are as many.
        self.assertLess(sum(grown), 3 * size, grown)
        self.assertLess(sum(grown[1:]), size // 2, grown)
        for one in sandboxes:
            self.client.kill(one)

    def test_its_pool(self):
        self.assertTrue(wait_until(lambda: self.ready("small") == 3))
        made = self.client.expect(201, "POST", "/v1/sandboxes", {"template": "small"})
        self.assertEqual(made["boot_mode"], "pool")
        self.assertEqual(self.client.exec(made["id"], "cat /opt/mark")["stdout"], "here\n")
        self.client.kill(made["id"])
        self.assertTrue(wait_until(lambda: self.ready("small") == 3))
        self.assertTrue(wait_until(lambda: self.ready("host") == 2))

    def test_one_that_is_made_while_the_daemon_runs(self):
        self.assertEqual(self.client.post("/v1/sandboxes", {"template": "later"}).status, 404)
        self.make("later")
        sandbox = self.client.create(template="later")
        self.assertEqual(self.client.exec(sandbox, "cat /opt/mark")["stdout"], "here\n")
        self.client.kill(sandbox)

    def test_what_is_refused(self):
        before = sorted(os.listdir(os.path.join(self.folder, "names")))
        for client in (self.client, self.daemon.owner()):
            self.assertEqual(client.request("DELETE", "/v1/templates/small").status, 403)
        self.assertEqual(self.client.post("/v1/templates/build", {"name": "mine", "dockerfile": "FROM host"}).status, 403)
        bound = self.daemon.client(self.daemon.make_key(templates=["host"])["key"])
        self.assertEqual(bound.post("/v1/sandboxes", {"template": "small"}).status, 403)
        self.assertFalse(bound.get("/v1/templates/small").json()["allowed"])
        self.assertEqual(sorted(os.listdir(os.path.join(self.folder, "names"))), before)


if __name__ == "__main__":
    unittest.main()
