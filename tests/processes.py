"""Processes, as tests see them: by parentage, so that nobody looks at anybody else's.

A test that adopts its orphans has whatever outlives a program of ours as a child of its own.
"""
import ctypes
import os
import signal
import time

# A loaded machine may need this long for what an idle one does at once. Never a measure of speed.
PATIENCE = 60
PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans():
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError("cannot adopt orphans")


def read(path):
    """A file of /proc or of a cgroup; "" if what it speaks of is gone."""
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def wait_until(true, patience=PATIENCE, pause=0.02):
    """Polls; returns the last answer."""
    deadline = time.monotonic() + patience
    while True:
        answer = true()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(pause)


def children(pid):
    """Direct children, of all threads."""
    found = []
    try:
        threads = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return found
    for thread in threads:
        found += [int(word) for word in read("/proc/%d/task/%s/children" % (pid, thread)).split()]
    return found


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def name_of(pid):
    return read("/proc/%d/comm" % pid).strip()


def program_of(pid):
    try:
        return os.readlink("/proc/%d/exe" % pid)
    except OSError:
        return ""


def state_of(pid):
    text = read("/proc/%d/stat" % pid)
    return text.rsplit(")", 1)[1].split()[0] if text else None


def is_alive(pid):
    return state_of(pid) not in (None, "Z", "X")


def descriptors(pid):
    try:
        return len(os.listdir("/proc/%d/fd" % pid))
    except OSError:
        return 0


def kill(pid, number=signal.SIGKILL):
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False
