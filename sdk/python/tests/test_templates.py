"""Templates of the key's own, against a real daemon: asked for, waited for, used, removed."""

import asyncio
import os
import shutil
import subprocess
import tarfile
import tempfile
import unittest

from brig import AsyncTemplate, BrigError, ConflictError, InvalidArgumentError, NotFoundError, Sandbox, Template

from daemon import BRIG, WHY_NOT, Daemon


class Templates(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if WHY_NOT:
            raise unittest.SkipTest(WHY_NOT)
        cls.folder = tempfile.mkdtemp(prefix="brig-sdk-templates-")
        cls.addClassCleanup(shutil.rmtree, cls.folder, True)
        os.chmod(cls.folder, 0o755)
        daemon = Daemon("--pool", "0", "--templates-dir", os.path.join(cls.folder, "templates"))
        cls.addClassCleanup(daemon.stop)
        state = os.path.dirname(daemon.socket)
        made = subprocess.run([BRIG, "keys", "create", "--state-dir", state, "--may-build-templates"], capture_output=True, text=True, check=True)
        cls.at = {"api_url": daemon.url, "api_key": made.stdout.strip()}
        cls.stranger = {"api_url": daemon.url, "api_key": daemon.key}
        cls.context = os.path.join(cls.folder, "context")
        os.makedirs(os.path.join(cls.context, "src"))
        for name, text in (("Dockerfile", "FROM scratch\nCOPY src /src\n"), ("src/a", "hello")):
            with open(os.path.join(cls.context, name), "w") as file:
                file.write(text)

    def test_of_a_dockerfile(self):
        asked = Template.build("made", context=self.context, memory_mb=333, **self.at)
        self.assertEqual((asked.name, asked.kind, asked.ended_at, asked.has_ended), ("made", "dockerfile", None, False))
        build = Template.wait(asked, **self.at)
        self.assertTrue(build.bytes > 0 and build.ended_at >= build.started_at)
        self.assertEqual(Template.builds(**self.at)[0], build)
        self.assertIn("COPY src", Template.log(build.id, **self.at))
        found = next(one for one in Sandbox.templates(**self.at) if one.name == "made")
        self.assertEqual((found.digest, found.memory_mb), (build.digest, 333))
        with self.assertRaises(ConflictError):
            Template.cancel(build, **self.at)
        self.assertTrue(Template.delete("made", **self.at))
        self.assertFalse(Template.delete("made", **self.at))

    def test_of_an_archive(self):
        path = os.path.join(self.folder, "archive.tar")
        with tarfile.open(path, "w") as tar:
            tar.add(self.context, arcname=".")
        self.assertEqual(Template.wait(Template.import_("archived", path, **self.at), **self.at).status, "done")
        Template.delete("archived", **self.at)

    def test_for_asyncio(self):
        async def work():
            build = await AsyncTemplate.build("later", "FROM scratch\nCOPY src/a /a\n", context=self.context, **self.at)
            self.assertEqual((await AsyncTemplate.wait(build, **self.at)).status, "done")
            await AsyncTemplate.delete("later", **self.at)

        asyncio.run(work())

    def test_what_fails_says_why(self):
        with self.assertRaisesRegex(BrigError, "broken was not made: ."):
            Template.wait(Template.build("broken", "FROM nowhere\n", **self.at), **self.at)
        with self.assertRaisesRegex(BrigError, "may-build-templates"):
            Template.build("mine", "FROM scratch\n", **self.stranger)
        with self.assertRaises(InvalidArgumentError):
            Template.build("mine", **self.at)
        with self.assertRaises(NotFoundError):
            Template.wait("nonsense", **self.at)


if __name__ == "__main__":
    unittest.main()
