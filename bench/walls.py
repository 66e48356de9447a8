#!/usr/bin/python3
"""What a sandbox of each wall costs, next to the bare OCI runtime with the same configuration and to bubblewrap, round by round at the same
time: the ratios of the medians come first, because absolute times move with the machine.

    bench/walls.py [BRIG] [-n ROUNDS] [--json]        (root; what is not installed is left out)
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SHOWN = {"cpuinfo", "filesystems", "loadavg", "meminfo", "stat", "sys", "sysvipc", "uptime", "version"}
BWRAP = ["bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib",
         "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc", "--dev", "/dev"]


def make_bundle(folder, is_gvisor):
    """The configuration that Brig's own walls use, with a root of the same shape in a plain folder."""
    root = os.path.join(folder, "rootfs")
    for name in ("usr", "proc", "dev", "etc", "tmp", "workspace", "home/user", "run", "sys"):
        os.makedirs(os.path.join(root, name))
    for name in ("bin", "lib", "lib64", "sbin"):
        os.symlink("usr/" + name, os.path.join(root, name))
    os.chmod(folder, 0o755)
    ids = [{"containerID": 0, "hostID": 0x68000001, "size": 1}, {"containerID": 1000, "hostID": 0x70000001, "size": 1}]
    tmpfs = lambda path: {"destination": path, "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "size=64m"]}
    masked = ["/proc/" + name for name in sorted(os.listdir("/proc"))
              if not name.isdigit() and name not in SHOWN and not os.path.islink("/proc/" + name) and os.stat("/proc/" + name).st_mode & 4]
    spec = {
        "ociVersion": "1.0.2", "hostname": "brig", "root": {"path": "rootfs", "readonly": not is_gvisor},
        "process": {"terminal": False, "user": {"uid": 1000, "gid": 1000}, "args": ["/usr/bin/true"], "env": [], "cwd": "/", "noNewPrivileges": True,
                    "capabilities": {name: [] for name in ("bounding", "effective", "inheritable", "permitted", "ambient")}},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc", "options": ["nosuid", "noexec", "nodev"]},
                   {"destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro", "nosuid", "nodev"]},
                   *([] if is_gvisor else [{"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
                                           {"destination": "/dev/pts", "type": "devpts", "source": "devpts", "options": ["nosuid", "noexec", "newinstance"]}]),
                   tmpfs("/tmp"), tmpfs("/workspace"), tmpfs("/home/user"), tmpfs("/dev/shm")],
        "linux": {"uidMappings": ids, "gidMappings": ids, "maskedPaths": masked, "readonlyPaths": ["/proc/sys"],
                  "resources": {"memory": {"limit": 256 << 20}, "pids": {"limit": 66}, "cpu": {"quota": 100000, "period": 100000}},
                  "namespaces": [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount", "user") + (() if is_gvisor else ("cgroup",))]}}
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(spec, file)


def contenders(brig, scratch):
    """Name -> command; {n} becomes the round's number."""
    commands = {"bare program": ["/usr/bin/true"]}
    if shutil.which("bwrap"):
        commands["bwrap"] = [*BWRAP, "/usr/bin/true"]
    commands["brig process"] = [brig, "run", "--quiet", "--runtime", "process", "--", "true"]
    for wall, program in (("container", "runc"), ("gvisor", "runsc")):
        if not shutil.which(program):
            continue
        bundle = os.path.join(scratch, program)
        os.mkdir(bundle)
        make_bundle(bundle, program == "runsc")
        network = ["--network=none"] if program == "runsc" else []
        commands[program + " run"] = [program, "--root", os.path.join(scratch, program + ".state"), *network, "run", "--bundle", bundle,
                                      "brig-bench-%d-{n}" % os.getpid()]
        commands["brig " + wall] = [brig, "run", "--quiet", "--runtime", wall, "--", "true"]
    return commands


def measure(commands, rounds):
    samples = {name: [] for name in commands}
    failures = dict.fromkeys(commands, 0)
    for number in range(rounds + 1):
        for name, command in commands.items():
            begin = time.monotonic()
            ran = subprocess.run([word.format(n=number) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
            took = (time.monotonic() - begin) * 1000
            if ran.returncode != 0:
                failures[name] += 1
            elif number > 0:  # the first warms up
                samples[name].append(took)
    return samples, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("brig", nargs="?", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "../build/release/bin/brig"))
    parser.add_argument("-n", "--rounds", type=int, default=40)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench/walls.py: OCI runtimes need root here")
    with tempfile.TemporaryDirectory(prefix="brig-bench-") as scratch:
        os.chmod(scratch, 0o755)  # the container's root is none of the host's
        samples, failures = measure(contenders(options.brig, scratch), options.rounds)
    median = {name: statistics.median(times) if times else None for name, times in samples.items()}
    ratios = {}
    for ours, theirs in (("brig container", "runc run"), ("brig gvisor", "runsc run"), ("brig process", "bwrap")):
        if median.get(ours) and median.get(theirs):
            ratios["%s / %s" % (ours, theirs)] = round(median[ours] / median[theirs], 2)
    table = {name: {"p50_ms": round(median[name], 2), "p95_ms": round(sorted(times)[int(len(times) * 0.95)], 2), "rounds": len(times),
                    "failures": failures[name]} if times else {"rounds": 0, "failures": failures[name]} for name, times in samples.items()}
    if options.json:
        print(json.dumps({"kernel": os.uname().release, "ratios": ratios, "create_true_destroy": table}, indent=1))
        return
    for name, ratio in ratios.items():
        print("%-32s %.2f" % (name, ratio))
    for name, figures in table.items():
        print("%-16s %s" % (name, "  ".join("%s %s" % pair for pair in figures.items())))


if __name__ == "__main__":
    main()
