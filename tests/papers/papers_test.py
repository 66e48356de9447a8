#!/usr/bin/python3
"""What the papers say about the tree is true: tests they name exist, links lead somewhere."""
import json
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
STATES = {"mitigated", "partial", "open"}


def sources(*suffixes):
    for folder in ("src", "apps", "tests"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in suffixes:
                yield path


def gtest_names():
    pattern = re.compile(r"^\s*(?:TEST|TEST_F|TEST_P|TYPED_TEST|RC_GTEST_PROP|RC_GTEST_FIXTURE_PROP)\(\s*(\w+),\s*(\w+)", re.M)
    return {f"{a}.{b}" for path in sources(".cc", ".h") for a, b in pattern.findall(path.read_text())}


def unittest_names():
    names = set()
    for path in sources(".py"):
        of_class = {}
        current = None
        for line in path.read_text().splitlines():
            if match := re.match(r"class (\w+)(?:\(([^)]*)\))?", line):
                current = of_class.setdefault(match.group(1), set())
                for base in re.findall(r"\w+", match.group(2) or ""):  # one file's suites may share their cases
                    current |= of_class.get(base, set())
            elif (match := re.match(r"    def (test_\w+)", line)) and current is not None:
                current.add(match.group(1))
        names |= {f"{name}.{test}" for name, tests in of_class.items() for test in tests}
    return names


def security_rows():
    """(boundary, status, tests) of each row of SECURITY.md's tables that has a status."""
    for line in (ROOT / "SECURITY.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 4 and cells[2] in STATES:
            yield cells[0], cells[2], re.findall(r"`([^`]+)`", cells[3])


class Security(unittest.TestCase):
    def test_every_row_names_tests_that_exist(self):
        rows = list(security_rows())
        self.assertGreater(len(rows), 20)
        probes = {path.stem for path in (ROOT / "src/attack/probes").glob("[0-9]*.cc")}
        listed = (ROOT / "docs/attack.md").read_text().partition("the probes of the API -->")[2]  # a test holds it to the code
        api = {"api/" + name for name in re.findall(r"^\| (\d{3}_\w+) \|", listed, re.M)}
        self.assertGreater(len(api), 200)
        known = gtest_names() | unittest_names() | probes | api
        for boundary, status, tests in rows:
            with self.subTest(boundary=boundary):
                if status != "open":
                    self.assertTrue(tests, "a protection without a test is a claim")
                for name in tests:
                    self.assertTrue(name in known or (ROOT / name).is_file(), f"no test {name}")

    def test_every_row_with_a_word_for_its_state_is_read(self):
        # A typing error in a status would take the row out of the check above.
        text = (ROOT / "SECURITY.md").read_text().partition("## Boundaries")[2]
        table_rows = [line for line in text.splitlines() if re.match(r"\| (?!boundary|---)", line)]
        self.assertEqual(len(table_rows), len(list(security_rows())))


class Links(unittest.TestCase):
    def test_every_relative_link_leads_somewhere(self):
        listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True)
        papers = [ROOT / name for name in listed.stdout.split()] or list(ROOT.glob("*.md"))
        for paper in papers:
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", paper.read_text()):
                with self.subTest(paper=str(paper.relative_to(ROOT)), target=target):
                    self.assertTrue((paper.parent / target).exists())

    def test_the_clients_versions_are_those_that_are_driven(self):
        text = (ROOT / "docs/e2b.md").read_text()
        driven = json.loads((ROOT / "tests/e2b/package.json").read_text())["dependencies"]
        pinned = (ROOT / "tests/e2b/python/requirements.txt").read_text().splitlines()
        for name in [f"{name}@{version}" for name, version in driven.items()] + [line for line in pinned if re.match(r"e2b(-code-interpreter)?==", line)]:
            self.assertIn(f" {name}", text)

    def test_every_room_has_a_readme(self):
        rooms = [line.split(":")[0].strip() for line in (ROOT / "src/LAYERS").read_text().splitlines() if line[:1] not in {"#", ""}]
        for room in rooms:
            if (ROOT / "src" / room).is_dir():
                with self.subTest(room=room):
                    self.assertTrue((ROOT / "src" / room / "README.md").is_file())


if __name__ == "__main__":
    unittest.main()
