#!/usr/bin/python3
"""usage: suite.py NAME FOLDER

Runs the npm script `suite` of FOLDER against a daemon of its own: copies FOLDER into the build folder, installs there
what its lock file names, starts `brig serve` on a free port and tells the suite where it is (BRIG_API_URL, BRIG_API_KEY). The
sandboxes and the daemon must be gone afterwards. Without node, npm or npm's registry it is skipped (exit code 77) and says why; a package
that is not what the lock file says is a failure.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import service  # noqa: E402  (its folder was not on the path)

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BRIG_BUILD_DIR") or SOURCE / "build/dev")
SKIPPED = 77
# What npm calls a registry that it cannot talk to.
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "ERR_SOCKET_TIMEOUT",
               "EIDLETIMEOUT", "E403", "E407", "E502", "E503", "E504")
NPM_FLAGS = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1", "--fetch-timeout=30000")


class Unreachable(Exception):
    """npm's registry."""


def skip(reason):
    print("skipped: " + reason)
    sys.exit(SKIPPED)


def copy(source, target):
    """Afresh, but for what was installed or built there."""
    target.mkdir(parents=True, exist_ok=True)
    for old in target.iterdir():
        if old.name != "node_modules":
            shutil.rmtree(old) if old.is_dir() else old.unlink()
    for new in source.iterdir():
        if new.name in ("node_modules", "dist", "build"):
            continue
        shutil.copytree(new, target / new.name) if new.is_dir() else shutil.copy2(new, target / new.name)


def install(folder):
    """What the lock file names, unless it is there already."""
    lock, mark = (folder / "package-lock.json").read_bytes(), folder / "node_modules/.brig-lock"
    if mark.is_file() and mark.read_bytes() == lock:
        return
    npm = subprocess.run(["npm", "ci", *NPM_FLAGS, "--cache", str(folder.parent / "npm-cache")], cwd=folder,
                         stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if npm.returncode != 0:
        said = npm.stdout + npm.stderr
        for code in UNREACHABLE:
            if code in said:
                raise Unreachable(f"npm's registry cannot be reached ({code})")
        sys.exit("npm ci failed:\n" + said)
    mark.write_bytes(lock)


def prepare(name, source):
    """A copy of the folder with all that it needs."""
    target = BUILD / "node" / name
    copy(source, target)
    install(target)
    return target


def missing_program():
    for program in ("node", "npm"):
        if not shutil.which(program):
            return f"there is no {program} here"
    return None


def run(name, source):
    try:
        target = prepare(name, source)
    except Unreachable as why:
        skip(str(why))
    templates = tempfile.mkdtemp(prefix="brig-node-templates-")
    os.chmod(templates, 0o755)
    daemon = service.Daemon("--templates-dir", templates)
    try:
        key = daemon.make_key(label="first", may_build_templates=True)["key"]
        environment = {**os.environ, "BRIG_API_URL": "http://%s:%d" % daemon.address, "BRIG_API_KEY": key, "BRIG_SOURCE_DIR": str(SOURCE)}
        suite = subprocess.run(["npm", "run", "--silent", "suite"], cwd=target, env=environment, stdin=subprocess.DEVNULL)
        ended = daemon.stop()
        if suite.returncode or ended:
            print(daemon.log()[-4000:].decode(errors="replace"), end="")
    finally:
        daemon.close()
        shutil.rmtree(templates, True)
    if not service.wait_until(lambda: not remains(), 2.0):
        sys.exit(f"left behind: {remains()}")
    if ended != 0:
        sys.exit(f"the daemon ended with {ended}")
    sys.exit(suite.returncode)


def remains():
    service.reap()
    return ["%d %s" % (pid, service.name_of(pid)) for pid in service.descendants(os.getpid())]


def main():
    if os.geteuid() != 0:
        skip("needs root: makes sandboxes as the installed daemon does")
    if why_not := missing_program():
        skip(why_not)
    service.adopt_orphans()
    run(sys.argv[1], pathlib.Path(sys.argv[2]).resolve())


if __name__ == "__main__":
    main()
