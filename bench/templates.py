#!/usr/bin/python3
"""Whether sandboxes of one template share its pages: many of them, each reading the same large file of the image.

    bench/templates.py [BRIG] [-n SANDBOXES] [--megabytes M] [--json]        (root; needs erofs-utils)

Two measures, before and after: what the kernel has charged to the sandboxes' groups together (a page is charged once, to who read it
first, so this is exact), and the host's page cache (/proc/meminfo; other programs move it too). Then the same with `brig run`, where each
sandbox has a launcher of its own.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
MB = 1 << 20


def cached():
    """Of the host's page cache, in bytes."""
    with open("/proc/meminfo") as file:
        fields = dict(line.split(":") for line in file)
    return int(fields["Cached"].split()[0]) * 1024


def make_template(brig, store, megabytes):
    """A small root with one large file that no compression makes smaller."""
    sys.path.insert(0, os.path.join(HERE, "../tests/e2e"))
    os.environ["BRIG"] = brig
    import test_templates

    with tempfile.TemporaryDirectory(prefix="brig-bench-root-") as root:
        test_templates.small_root(root)
        with open(os.path.join(root, "opt/large"), "wb") as file:
            file.write(os.urandom(megabytes * MB))
        done = subprocess.run([brig, "template", "import", root, "--name", "large", "--templates-dir", store], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def forget_pages(store):
    """The image's pages go, as far as the kernel lets them."""
    os.sync()
    for name in os.listdir(os.path.join(store, "images")):
        fd = os.open(os.path.join(store, "images", name), os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def with_daemon(store, count, megabytes):
    """Sandboxes of one daemon, all alive at once."""
    import service

    daemon = service.Daemon("--templates-dir", store, "--pool", "0")
    try:
        client = daemon.client()
        charged = lambda sandbox: client.expect(200, "GET", "/v1/sandboxes/%s/metrics" % sandbox)["memory_bytes"]
        sandboxes = [client.create(template="large", ttl_seconds=600, limits={"memory": "%dM" % (megabytes * 2 + 64)}) for _ in range(count)]
        idle, host = [charged(one) for one in sandboxes], cached()
        each = []
        for one in sandboxes:
            read = client.exec(one, "cat /opt/large | wc -c")
            if read["stdout"] != "%d\n" % (megabytes * MB):
                raise RuntimeError("the file could not be read: %r" % read)
            each.append(cached() - host)
        grown = [max(0, charged(one) - before) for one, before in zip(sandboxes, idle)]
        for one in sandboxes:
            client.kill(one)
        return {"charged_mb": round(sum(grown) / MB, 1), "first_mb": round(grown[0] / MB, 1), "cache_after_one_mb": round(each[0] / MB, 1),
                "cache_after_all_mb": round(each[-1] / MB, 1)}
    finally:
        daemon.end()


def with_run(brig, store, count):
    """As many `brig run` at once; they wait for each other inside, so that all have read when the cache is looked at."""
    host = cached()
    words = [brig, "run", "--quiet", "--template", "large", "--templates-dir", store, "--memory", "2G", "--", "bash", "-c",
             "cat /opt/large | wc -c; read line"]
    all_of_them = [subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    try:
        for one in all_of_them:
            one.stdout.readline()
        return {"cache_after_all_mb": round((cached() - host) / MB, 1)}
    finally:
        for one in all_of_them:
            one.stdin.close()
            one.stdout.close()
            one.wait()


def measure(brig, count, megabytes):
    store = tempfile.mkdtemp(prefix="brig-bench-templates-", dir="/var/tmp")
    os.chmod(store, 0o755)
    try:
        make_template(brig, store, megabytes)
        result = {"sandboxes": count, "file_mb": megabytes, "kernel": os.uname().release}
        forget_pages(store)
        result["daemon"] = with_daemon(store, count, megabytes)
        forget_pages(store)
        result["run"] = with_run(brig, store, min(count, 10))
        result["run"]["sandboxes"] = min(count, 10)
        return result
    finally:
        shutil.rmtree(store, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("brig", nargs="?", default="build/release/bin/brig")
    parser.add_argument("-n", dest="count", type=int, default=100, help="sandboxes (100)")
    parser.add_argument("--megabytes", type=int, default=200, help="of the file that each reads (200)")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("bench/templates.py: only root mounts images")
    result = measure(os.path.abspath(options.brig), options.count, options.megabytes)
    if options.json:
        print(json.dumps(result))
        return
    daemon, run = result["daemon"], result["run"]
    print("%d sandboxes of one template, each reading the same %d MB (Linux %s)" % (options.count, options.megabytes, result["kernel"]))
    print("  charged to all of them together   %8.1f MB  (to the first %.1f MB; unshared it would be %d MB)"
          % (daemon["charged_mb"], daemon["first_mb"], options.count * options.megabytes))
    print("  host's page cache after the first %8.1f MB, after all %.1f MB" % (daemon["cache_after_one_mb"], daemon["cache_after_all_mb"]))
    print("  %d brig run at once: page cache    %8.1f MB" % (run["sandboxes"], run["cache_after_all_mb"]))


if __name__ == "__main__":
    main()
