#!/usr/bin/python3
"""The manifests against Kubernetes' own schemas, strictly: a field that no schema has is a mistake."""
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
VENV = pathlib.Path(os.environ["BRIG_BUILD_DIR"]) / "venv-packaging"
VERSIONS = ("1.33", "1.37")  # the first in which all of it is on by itself, and the newest whose schemas are pinned
CHECK = """
import sys, warnings
warnings.simplefilter("ignore")
import kubernetes_validate, yaml
for path in sys.argv[2:]:
    for one in yaml.safe_load_all(open(path)):
        kubernetes_validate.validate(one, sys.argv[1], strict=True)
        print(one["kind"])
"""

sys.path.insert(0, str(HERE.parent / "sdk"))
from venv_of import prepare  # noqa: E402  (its folder was not on the path)

why_not = prepare(VENV, HERE / "requirements.txt")


@unittest.skipIf(why_not, why_not)
class Schemas(unittest.TestCase):
    def check(self, version, *paths):
        return subprocess.run([str(VENV / "bin/python"), "-c", CHECK, version, *map(str, paths)], capture_output=True, text=True)

    def test_each_manifest_is_valid(self):
        paths = sorted((HERE.parent.parent / "packaging/kubernetes").glob("*.yaml"))
        for version in VERSIONS:
            with self.subTest(version):
                done = self.check(version, *paths)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(done.stdout.split().count("Deployment"), 2)

    def test_a_misspelt_field_is_found(self):
        text = (HERE.parent.parent / "packaging/kubernetes/deployment.yaml").read_text()
        path = VENV / "misspelt.yaml"
        path.write_text(text.replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
        self.assertIn("readOnlyRootFileSystem", self.check(VERSIONS[-1], path).stderr)


if __name__ == "__main__":
    unittest.main()
