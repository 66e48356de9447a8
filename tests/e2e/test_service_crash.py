#!/usr/bin/python3
"""The service when its parts are killed, its disk is full or its database is not what it was: nothing is left, nothing is forgotten."""
import hashlib
import http.client
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

import service
from service import BRIG, PATIENCE, Daemon, read, wait_until

SEED = int(os.environ.get("BRIG_SEED", str(time.time_ns() % 1_000_000)))
KILLS = int(os.environ.get("BRIG_CRASH_KILLS", "8"))
OWN = service.user_named("news", "uucp", "games")
REASONS = {"killed", "expired", "idle", "guest_lost", "daemon_ended", "daemon_lost"}
# What has no owner any more must be gone by then. The promise is two seconds; a loaded machine gets more.
GONE_BY = 15
MOUNTS_BEFORE = service.mounts()


def rows_of(state, query="SELECT id, state, end_reason, ended_at FROM sandboxes"):
    """What the store says, read from a copy: looking changes nothing."""
    with tempfile.TemporaryDirectory() as folder:
        for name in os.listdir(state):
            if name.startswith("brig.db"):
                shutil.copy(os.path.join(state, name), folder)
        store = sqlite3.connect(os.path.join(folder, "brig.db"))
        try:
            return store.execute(query).fetchall()
        finally:
            store.close()


class Load:
    """Clients that make, use and end sandboxes until they are stopped; they remember every id they were given."""

    def __init__(self, daemon, count=4):
        self.daemon, self.ids, self.done, self.is_over = daemon, set(), 0, False
        self.threads = [threading.Thread(target=self.run, args=(number,)) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        dice = random.Random(SEED + number)
        client = self.daemon.client()
        while not self.is_over:
            try:
                answer = client.post("/v1/sandboxes", {"ttl_seconds": dice.choice([1, 30, 600]), "limits": {"memory": "64M", "timeout": "20s"}}, timeout=20)
                if answer.status != 201:
                    continue
                sandbox = answer.json()["id"]
                self.ids.add(sandbox)
                path = "/v1/sandboxes/" + sandbox
                for _ in range(dice.randint(0, 3)):
                    client.post(path + "/exec", {"cmd": dice.choice(["true", "sleep 0.1", "head -c 300000 /dev/zero", "sleep 30 &"])}, timeout=20)
                    client.request("PUT", path + "/fs?path=/tmp/x", b"x" * dice.randint(0, 300_000), timeout=20)
                if dice.random() < 0.3:
                    client.post(path + "/exec", {"cmd": "sleep 60", "background": True}, timeout=20)
                if dice.random() < 0.7:
                    client.request("DELETE", path, timeout=20)
                self.done += 1
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.05)  # the daemon is gone for a moment

    def stop(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()


@unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
class CrashCase(unittest.TestCase):
    def setUp(self):
        service.adopt_orphans()
        self.daemon = self.serve()
        self.client = self.daemon.client()

    def serve(self, *flags, **options):
        daemon = Daemon("--user", OWN.pw_name, *flags, **options)
        self.addCleanup(daemon.close)
        return daemon

    def left(self):
        """Of all daemons of this test, once none runs: processes, groups, mounts."""
        service.reap()
        adopted = [pid for pid in service.descendants(os.getpid()) if service.name_of(pid).startswith("brig")]
        mounts = service.mounts() - MOUNTS_BEFORE
        return {key: value for key, value in (("processes", adopted), ("groups", service.groups_of_user(OWN.pw_uid)), ("mounts", mounts)) if value}

    def assert_nothing_left(self, patience=GONE_BY):
        self.assertFalse(self.daemon.keeper.poll() is None, "the keeper runs")
        if not wait_until(lambda: not self.left(), patience):
            self.fail("left: %s" % self.left())

    def assert_accounted(self, ids, reasons=frozenset(REASONS)):
        """Each id that anybody was given has one end, with a reason; and nothing else is without one."""
        rows = rows_of(self.daemon.state)
        ends = {}
        for sandbox, state, reason, ended_at in rows:
            self.assertNotIn(sandbox, ends)
            ends[sandbox] = reason
            self.assertIsNotNone(ended_at, (sandbox, state, reason))
            self.assertIn(reason, reasons, sandbox)
        self.assertEqual(set(ids) - set(ends), set())


class Killed(CrashCase):
    def test_daemon_under_load(self):
        dice = random.Random(SEED)
        load = Load(self.daemon)
        self.addCleanup(load.stop)
        open_in_keeper = None
        for number in range(KILLS):
            time.sleep(2.1 + dice.uniform(0, 0.7))  # the keeper does not start again what ends at once
            if open_in_keeper is None:
                open_in_keeper = service.descriptors(self.daemon.keeper.pid)
            victim, tree = self.daemon.pid, set(self.daemon.tree())
            self.assertTrue(service.kill(victim))
            gone = wait_until(lambda: not [pid for pid in tree if service.is_alive(pid)], GONE_BY)
            self.assertTrue(gone, "seed %d, kill %d: %s" % (SEED, number, [(pid, service.name_of(pid)) for pid in tree if service.is_alive(pid)]))
            self.daemon.wait_serving()
            self.assertNotEqual(self.daemon.pid, victim)
        load.stop()
        self.assertTrue(wait_until(lambda: service.descriptors(self.daemon.keeper.pid) <= open_in_keeper))
        for sandbox in load.ids:
            info = self.client.info(sandbox)
            if info["status"] == "running":
                self.client.kill(sandbox)
            else:
                self.assertIn(info["end_reason"], REASONS)
        lost = [row for row in rows_of(self.daemon.state) if row[2] == "daemon_lost"]
        self.assertTrue(lost)
        self.assertEqual(self.daemon.stop(), 0)
        self.assert_nothing_left()
        self.assert_accounted(load.ids)
        print("seed %d: %d kills, %d sandboxes, %d lost" % (SEED, KILLS, len(load.ids), len(lost)))

    def test_daemon_that_ends_at_once(self):
        """Once, it is started again like any other; again and again, the keeper gives up."""
        sandbox = self.client.create()
        old = self.daemon.pid
        service.kill(old)
        self.assertTrue(wait_until(lambda: self.daemon.pid not in (None, old)))
        self.daemon.wait_serving()
        deadline = time.monotonic() + PATIENCE
        while self.daemon.keeper.poll() is None and time.monotonic() < deadline:
            if victim := self.daemon.pid:
                service.kill(victim)
        self.assertEqual(self.daemon.keeper.poll(), 128 + signal.SIGKILL)
        self.assert_nothing_left()
        self.daemon.start()
        self.assertEqual(self.client.info(sandbox)["end_reason"], "daemon_lost")
        self.assertEqual(self.client.exec(self.client.create(), "echo on")["stdout"], "on\n")

    def test_keeper(self):
        ids = [self.client.create() for _ in range(3)]
        self.client.start(ids[0], "sleep 600")
        service.kill(self.daemon.keeper.pid)
        self.daemon.keeper.wait()
        self.assert_nothing_left()
        self.daemon.start()
        for sandbox in ids:
            self.assertIn(self.client.info(sandbox)["end_reason"], ("daemon_lost", "daemon_ended"))
        self.client.create()

    def test_all_at_once(self):
        """As if the machine had lost its power, as far as that can be done."""
        sandbox, short = self.client.create(), self.client.create(ttl_seconds=1)
        tree = self.daemon.tree()
        together = [self.daemon.keeper.pid, self.daemon.pid, self.daemon.launcher]
        for pid in together:  # so that none sees another die, and ends in order
            os.kill(pid, signal.SIGSTOP)
        for pid in together:
            service.kill(pid)
        self.daemon.keeper.wait()
        self.assertTrue(wait_until(lambda: not [pid for pid in tree if service.is_alive(pid)], GONE_BY))
        time.sleep(1.5)
        self.daemon.start()
        self.assertEqual(self.client.info(sandbox)["end_reason"], "daemon_lost")
        self.assertEqual(self.client.info(short)["end_reason"], "expired")
        self.client.create()
        self.assertEqual(self.daemon.stop(), 0)
        self.assert_nothing_left()

    def test_launcher(self):
        """The sandboxes go on, and new ones can be made."""
        sandbox = self.client.create()
        process = self.client.start(sandbox, "while :; do echo x; sleep 0.05; done")
        for _ in range(3):
            old = self.daemon.launcher
            service.kill(old)
            self.assertTrue(wait_until(lambda: not service.is_alive(old)))

            def makes_one():
                answer = self.client.post("/v1/sandboxes", {"limits": {"memory": "50M"}})
                return answer.json()["id"] if answer.status == 201 else None
            other = wait_until(makes_one, pause=0.2)
            self.assertTrue(other)
            self.assertEqual(self.client.exec(other, "echo new")["stdout"], "new\n")
            before = self.client.expect(200, "GET", process)["stdout_bytes"]
            self.assertTrue(wait_until(lambda: self.client.expect(200, "GET", process)["stdout_bytes"] > before))
            self.assertEqual(self.client.exec(sandbox, "echo old")["stdout"], "old\n")
            self.client.expect(204, "POST", "/v1/sandboxes/%s/pause" % sandbox)
            self.client.expect(204, "POST", "/v1/sandboxes/%s/resume" % sandbox)
            self.client.kill(other)
        self.client.kill(sandbox)
        self.assertEqual(self.daemon.stop(), 0)
        self.assert_nothing_left()

    def test_wardens(self):
        ids = [self.client.create(limits={"memory": "50M"}) for _ in range(4)]
        victims = [pid for pid in service.children(self.daemon.launcher) if service.name_of(pid) == "brig-launch"]
        for pid in victims:  # those of the pool among them
            service.kill(pid)
        for sandbox in ids:
            reason = wait_until(lambda: self.client.info(sandbox).get("end_reason"))
            self.assertEqual(reason, "guest_lost")
        again = self.client.create()  # and not a dead one of the pool
        self.assertEqual(self.client.exec(again, "echo on")["stdout"], "on\n")
        self.assertEqual(self.daemon.stop(), 0)
        self.assert_nothing_left()


class Ends(CrashCase):
    def test_told_to_stop(self):
        ids = [self.client.create() for _ in range(3)]
        self.client.expect(204, "POST", "/v1/sandboxes/%s/pause" % ids[1])
        process = self.client.start(ids[0], "trap '' TERM INT HUP; while :; do sleep 1; done")
        events = self.client.events("GET", process + "/stream")
        next(events)
        code = self.daemon.stop()
        events.close()
        self.assertEqual(code, 0)
        self.assert_nothing_left()
        self.assert_accounted(ids, {"daemon_ended"})
        self.assertEqual(os.listdir(self.daemon.state + "/spool"), [])
        self.daemon.start()
        self.assertEqual({self.client.info(sandbox)["end_reason"] for sandbox in ids}, {"daemon_ended"})

    def test_told_twice(self):
        self.client.create()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGTERM):
            self.daemon.keeper.send_signal(number)
        self.assertEqual(self.daemon.keeper.wait(PATIENCE), 0)
        self.assert_nothing_left()

    def test_under_load(self):
        load = Load(self.daemon)
        self.addCleanup(load.stop)
        self.assertTrue(wait_until(lambda: load.done > 10))
        self.assertEqual(self.daemon.stop(), 0)
        load.stop()
        self.assert_nothing_left()
        self.assert_accounted(load.ids)

    def test_deadline_without_the_event_loop(self):
        """A daemon that is stuck keeps nobody alive."""
        sandbox = self.client.create(ttl_seconds=2)
        self.client.start(sandbox, ["sleep", "98766"])
        inside = [pid for pid in self.daemon.tree() if "98766" in read("/proc/%d/cmdline" % pid)]
        self.assertTrue(inside)
        os.kill(self.daemon.pid, signal.SIGSTOP)
        try:
            self.assertTrue(wait_until(lambda: not [pid for pid in inside if service.is_alive(pid)]))
        finally:
            os.kill(self.daemon.pid, signal.SIGCONT)
        self.assertEqual(wait_until(lambda: self.client.info(sandbox).get("end_reason")), "expired")


class State(CrashCase):
    def refused(self, *flags):
        """`brig serve` on the same folder, which must end by itself with a sentence."""
        done = subprocess.run([BRIG, "serve", "--state-dir", self.daemon.state, "--listen", "127.0.0.1:0", "--user", OWN.pw_name, *flags],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"brig: ", done.stderr)
        return done.stderr.decode()

    def test_second_daemon(self):
        sandbox = self.client.create()
        for _ in range(2):
            self.assertIn("already", self.refused())
        self.assertEqual(self.client.exec(sandbox, "echo on")["stdout"], "on\n")
        self.assertEqual(self.daemon.owner().get("/v1/keys").status, 200)  # its socket is still its own

    def test_a_folder_that_is_there_already(self):
        """As systemd makes it: root's, empty. One that holds something is judged, never taken."""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o711)
            for name in ("empty", "full"):
                os.mkdir(os.path.join(folder, name), 0o700)
            other = self.serve(state=os.path.join(folder, "empty"))
            self.assertEqual(os.stat(other.state).st_uid, OWN.pw_uid)
            self.assertEqual(other.stop(), 0)
            full = os.path.join(folder, "full")
            with open(os.path.join(full, "somebody's"), "w"):
                pass
            done = subprocess.run([BRIG, "serve", "--state-dir", full, "--listen", "127.0.0.1:0", "--user", OWN.pw_name], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE)
            self.assertIn(b"belongs to user 0", done.stderr)
            self.assertEqual(os.stat(full).st_uid, 0)

    def test_not_a_database(self):
        self.assertEqual(self.daemon.stop(), 0)
        path = os.path.join(self.daemon.state, "brig.db")
        with open(path, "rb") as file:
            good = file.read()
        store = sqlite3.connect(path)
        newer = tempfile.mktemp()
        self.addCleanup(lambda: os.path.exists(newer) and os.unlink(newer))
        copy = sqlite3.connect(newer)
        store.backup(copy)
        copy.execute("PRAGMA user_version = 99")
        copy.commit()
        copy.close()
        store.close()
        with open(newer, "rb") as file:
            newer_bytes = file.read()
        for name, content in (("noise", os.urandom(50_000)), ("text", b"hello\n"), ("cut", good[:5000]), ("newer", newer_bytes), ("zeros", b"\0" * len(good)),
                              ("damaged", good[:4096] + os.urandom(len(good) - 4096)), ("other", b"SQLite format 3\0" + os.urandom(4080))):
            with self.subTest(name):
                for other in ("brig.db-wal", "brig.db-shm"):
                    if os.path.exists(os.path.join(self.daemon.state, other)):
                        os.unlink(os.path.join(self.daemon.state, other))
                with open(path, "wb") as file:
                    file.write(content)
                os.chown(path, OWN.pw_uid, OWN.pw_gid)
                sentence = self.refused()
                self.assertIn("brig.db", sentence)
                with open(path, "rb") as file:
                    self.assertEqual(hashlib.sha256(file.read()).hexdigest(), hashlib.sha256(content).hexdigest())
        with open(path, "wb") as file:
            file.write(good)
        self.daemon.start()
        self.client.create()

    def test_key_and_answers_live_on(self):
        header = {"Idempotency-Key": "over the restart"}
        first = self.client.post("/v1/sandboxes", {}, headers=header).json()["id"]
        key = self.daemon.make_key(label="kept")["key"]
        self.assertEqual(self.daemon.stop(), 0)
        self.daemon.start()
        self.assertEqual(self.daemon.client(key).get("/v1/me").json()["label"], "kept")
        again = self.client.post("/v1/sandboxes", {}, headers=header)
        self.assertEqual((again.status, again.json()["id"]), (201, first))


class FullDisk(CrashCase):
    def setUp(self):
        self.disk = tempfile.mkdtemp(prefix="brig-disk-")
        self.addCleanup(os.rmdir, self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=755", "none", self.disk], check=True)
        self.addCleanup(subprocess.run, ["umount", self.disk], check=True)
        service.adopt_orphans()
        self.daemon = self.serve(state=os.path.join(self.disk, "state"))
        self.client = self.daemon.client()

    def fill(self):
        with open(os.path.join(self.disk, "ballast"), "wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"x" * 4096)
            except OSError:
                pass

    def test_recovers(self):
        sandbox, doomed = self.client.create(limits={"timeout": "60s"}), self.client.create()
        self.fill()
        # What lives goes on; what must be noted is refused with a type, or still fits.
        self.assertEqual(self.client.exec(sandbox, "echo on")["stdout"], "on\n")
        made, refused = [], None
        for _ in range(2000):
            answer = self.client.post("/v1/sandboxes", {"limits": {"memory": "40M"}})
            if answer.status != 201:
                refused = answer
                break
            made.append(answer.json()["id"])
            self.client.request("DELETE", "/v1/sandboxes/" + made[-1])
        self.assertIsNotNone(refused, "the disk is never full")
        error = refused.json()
        self.assertEqual((refused.status, error["code"]), (503, "unavailable"), refused)
        self.assertIn("disk is full", error["error"])
        self.assertGreaterEqual(int(refused.headers["Retry-After"]), 1)
        # Output beyond memory is dropped, counted, and does not stop the command.
        ran = self.client.exec(sandbox, "head -c 6000000 /dev/zero | tr '\\0' x")
        self.assertEqual((ran["status"], ran["stdout_bytes"]), ("ok", 6_000_000))
        self.assertGreater(ran["stdout_dropped"], 0)
        self.client.request("DELETE", "/v1/sandboxes/" + doomed)  # it ends, noted or not
        self.assert_gone(doomed)
        os.unlink(os.path.join(self.disk, "ballast"))
        after = wait_until(lambda: (lambda answer: answer.json()["id"] if answer.status == 201 else None)(self.client.post("/v1/sandboxes")), pause=0.2)
        self.assertTrue(after, "does not recover")
        self.assertEqual(self.client.exec(after, "echo on")["stdout"], "on\n")
        self.assertEqual(self.client.exec(sandbox, "echo on")["stdout"], "on\n")
        self.assertEqual(self.daemon.stop(), 0)
        self.assert_nothing_left()
        self.daemon.start()
        for one in [sandbox, doomed, after, *made]:
            self.assertIn(self.client.info(one)["end_reason"], REASONS)

    def assert_gone(self, sandbox):
        answer = self.client.post("/v1/sandboxes/%s/exec" % sandbox, {"cmd": "true"})
        self.assertEqual(answer.status, 404, answer)

    def test_starts_on_a_full_disk_or_says_why(self):
        self.assertEqual(self.daemon.stop(), 0)
        self.fill()
        try:
            self.daemon.start()
            self.assertEqual(self.client.get("/v1/sandboxes").status, 200)
        except AssertionError as error:
            self.assertIn("brig: ", str(error))
        self.daemon.end()
        os.unlink(os.path.join(self.disk, "ballast"))
        self.daemon.start()
        self.client.create()


if __name__ == "__main__":
    unittest.main()
