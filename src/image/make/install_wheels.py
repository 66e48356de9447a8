"""Installs packages from a folder of wheels, inside a sandbox: install_wheels.py NAME…

Prints one JSON object: {"packages": [{"name", "version", "file"}]}, or {"error": "a sentence"}. What a wheel is named and
what is in it is read here and nowhere else.
"""

import difflib
import json
import os
import re
import shutil
import subprocess
import sys
from urllib.parse import unquote, urlsplit

WHEELS, OUT = "/brig/wheels", "/brig/out"
PACKAGES, SCRATCH = OUT + "/packages", OUT + "/scratch"
BUNDLED = ("/usr/share/python-wheels",)


def end(**what):
    print(json.dumps(what))
    sys.exit(1 if "error" in what else 0)


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def wheels_in(folder):
    """Files by the name of their package."""
    found = {}
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        parts = file[:-4].split("-")
        if file.endswith(".whl") and len(parts) in (5, 6) and os.path.isfile(os.path.join(folder, file)):
            found.setdefault(normal(parts[0]), []).append(file)
    return found


def pip():
    """The words that start pip: the template's own, or one that can be run from its wheel."""
    own = [sys.executable, "-I", "-m", "pip"]
    if subprocess.run(own + ["--version"], capture_output=True).returncode == 0:
        return own
    import ensurepip  # Debian has it without its wheels, which are in BUNDLED

    for folder in (WHEELS, os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), *BUNDLED):
        for file in reversed(wheels_in(folder).get("pip", ())):
            return [sys.executable, "-I", os.path.join(folder, file, "pip")]
    end(error="the template has no pip to install packages with: add it (python3-pip), or put pip's wheel into the folder of wheels")


def listed(files):
    return ", ".join(files[:3]) + (" and %d more" % (len(files) - 3) if len(files) > 3 else "")


def why_not(said, names, wheels):
    """What pip's complaint means for the folder."""
    python = "%s %d.%d on %s" % (sys.implementation.name, *sys.version_info[:2], os.uname().machine)
    found = re.search(r"that satisfies the requirement (\S+)(?:.*?)(?: \(from ([^)]*)\))? \(from versions: ([^)]*)\)", said)
    if not found:
        lines = [line for line in said.splitlines() if line.startswith("ERROR")] or said.splitlines() or ["pip ended without a word"]
        return lines[0].removeprefix("ERROR: ")
    wanted, parent, versions = found.groups()
    name = normal(re.match(r"[A-Za-z0-9._-]*", wanted).group())
    needed = '"%s" needs %s' % (parent.split("->")[-1], wanted) if parent else '"%s"' % name
    if name not in wheels:
        return needed + ": there is no wheel of " + name + " in the folder"
    if versions == "none":
        return needed + ": no wheel of it in the folder is for this Python (" + python + "): " + listed(wheels[name])
    return needed + ": of " + name + " the folder has " + versions + " for this Python (" + python + ")"


def main(names):
    wheels = wheels_in(WHEELS)
    for name in names:
        if name not in wheels:
            close = difflib.get_close_matches(name, wheels, 1)
            end(error='there is no wheel of "%s" in the folder%s' % (name, ' (did you mean "%s"?)' % close[0] if close else ""))
    os.mkdir(SCRATCH)
    environment = {"PATH": "/usr/bin:/bin", "HOME": SCRATCH, "TMPDIR": SCRATCH, "LANG": "C.UTF-8", "PIP_CONFIG_FILE": "/dev/null"}
    report = SCRATCH + "/report.json"
    words = pip() + ["install", "--no-index", "--find-links", WHEELS, "--only-binary=:all:", "--no-cache-dir", "--no-compile",
                     "--no-input", "--disable-pip-version-check", "--no-warn-script-location", "--progress-bar=off",
                     "--target", PACKAGES, "--report", report, *names]
    done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, stderr=subprocess.PIPE, text=True,
                          errors="replace")
    sys.stderr.write(done.stderr)
    if done.returncode != 0:
        end(error=why_not(done.stderr, names, wheels))
    with open(report, encoding="utf-8") as file:
        installed = json.load(file)["install"]
    # The folder is never written to again: no file's time has to be looked at.
    compile_all = [sys.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", PACKAGES]
    subprocess.run(compile_all, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    shutil.rmtree(PACKAGES + "/bin", ignore_errors=True)
    shutil.rmtree(SCRATCH, ignore_errors=True)
    end(packages=[{"name": one["metadata"]["name"], "version": one["metadata"]["version"],
                   "file": unquote(os.path.basename(urlsplit(one["download_info"]["url"]).path))} for one in installed])


main(sys.argv[1:])
