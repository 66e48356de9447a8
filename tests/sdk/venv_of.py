"""A virtual environment with the pinned packages of a requirements file, made once for each content of it."""
import hashlib
import re
import shutil
import subprocess
import sys

#: What pip says when it cannot reach an index, rather than when an index refuses something.
NO_INDEX = re.compile(r"NewConnectionError|NameResolutionError|ConnectTimeout|Connection refused|ProxyError|Network is unreachable|ReadTimeout|No index")


def run(*command):
    return subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def pip(venv, *arguments):
    return run(venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1", "--timeout", "20",
               *arguments)


def prepare(venv, requirements):
    """Why it cannot be made here; None if it is there."""
    stamp = venv / "made-from"
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return None
    shutil.rmtree(venv, ignore_errors=True)
    made = run("/usr/bin/python3", "-m", "venv", venv)
    if made.returncode != 0:
        return "cannot make a virtual environment (apt install python3-venv)"
    done = pip(venv, "--no-deps", "--only-binary", ":all:", "--requirement", requirements)
    if done.returncode != 0:
        if NO_INDEX.search(done.stdout):
            return "the Python package index cannot be reached"
        sys.exit("pip cannot install the pinned versions:\n" + done.stdout)
    stamp.write_text(wanted)
    return None
