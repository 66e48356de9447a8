#!/usr/bin/python3
"""Sandboxes over HTTP as a client meets them: how they live and end, who gets one, and when there is no room."""
import os
import random
import time
import unittest

import service
from service import ServiceCase, read, wait_until

SEED = int(os.environ.get("BRIG_SEED", str(time.time_ns() % 1_000_000)))
RACES = int(os.environ.get("BRIG_RACES", "60"))


class Life(ServiceCase):
    def test_create_says_what_was_made(self):
        answer = self.client.post("/v1/sandboxes", {"ttl_seconds": 120, "idle_seconds": 60, "metadata": {"user": "7", "ö": "ü"},
                                                    "limits": {"memory": "64M", "pids": 20, "cpus": 0.5}})
        self.assertEqual(answer.status, 201, answer)
        made = answer.json()
        self.assertEqual(answer.headers["Location"], "/v1/sandboxes/" + made["id"])
        self.assertEqual((made["status"], made["ttl_seconds"], made["idle_seconds"]), ("running", 120, 60))
        self.assertEqual(made["metadata"], {"user": "7", "ö": "ü"})
        self.assertEqual((made["limits"]["memory_bytes"], made["limits"]["pids"], made["limits"]["cpus"]), (64 << 20, 20, 0.5))
        info = self.client.info(made["id"])
        for field in ("id", "template", "status", "metadata", "created_at", "expires_at", "limits"):
            self.assertEqual(info[field], made[field], field)
        attestation = self.client.expect(200, "GET", "/v1/sandboxes/%s/attestation" % made["id"])
        self.assertEqual(attestation["boundary"], made["boundary"])

    def test_list_and_filters(self):
        mark = str(random.random())
        ids = [self.client.create(metadata={"mark": mark, "number": str(number)}) for number in range(5)]
        self.client.expect(204, "POST", "/v1/sandboxes/%s/pause" % ids[1])
        self.client.kill(ids[2])

        def listed(query):
            return {item["id"] for item in self.client.list("metadata.mark=%s&%s" % (mark, query))}
        self.assertEqual(listed(""), {ids[0], ids[1], ids[3], ids[4]})
        self.assertEqual(listed("state=all"), set(ids))
        self.assertEqual(listed("state=running"), {ids[0], ids[3], ids[4]})
        self.assertEqual(listed("state=paused"), {ids[1]})
        self.assertEqual(listed("state=killed"), {ids[2]})
        self.assertEqual(listed("state=paused,killed"), {ids[1], ids[2]})
        self.assertEqual(listed("metadata.number=3"), {ids[3]})
        self.assertEqual(listed("metadata.number=9"), set())
        self.assertEqual(listed("template=other"), set())
        for query in ("state=odd", "limit=0", "limit=1001", "limit=x", "cursor=nonsense"):
            self.assert_error(self.client.get("/v1/sandboxes?" + query), 400)

    def test_pages(self):
        mark = str(random.random())
        ids = [self.client.create(metadata={"mark": mark}) for _ in range(7)]
        seen, cursor, pages = [], "", 0
        while True:
            page = self.client.expect(200, "GET", "/v1/sandboxes?metadata.mark=%s&limit=2&cursor=%s" % (mark, cursor))
            self.assertLessEqual(len(page["items"]), 2)
            seen += [item["id"] for item in page["items"]]
            pages += 1
            if pages == 2:  # what is made or ended meanwhile neither repeats nor hides another
                self.client.create(metadata={"mark": mark})
                self.client.kill(seen[0])
            cursor = page["next_cursor"]
            if not cursor:
                break
        self.assertEqual(len(seen), len(set(seen)))
        self.assertEqual(set(ids) - set(seen), set())

    def test_kill(self):
        sandbox = self.client.create()
        self.client.kill(sandbox)
        info = self.client.info(sandbox)
        self.assertEqual((info["status"], info["end_reason"]), ("killed", "killed"))
        self.assertIsNotNone(info["ended_at"])
        path = "/v1/sandboxes/" + sandbox
        for method, rest, body in (("DELETE", "", None), ("POST", "/exec", {"cmd": "true"}), ("POST", "/pause", {}), ("GET", "/fs?path=/etc/passwd", None),
                                   ("PATCH", "/lifecycle", {"ttl_seconds": 5}), ("GET", "/metrics", None), ("GET", "/logs", None)):
            error = self.assert_error(self.client.request(method, path + rest, body), 404, "not_found")
            self.assertIn("has ended (killed)", error["error"])

    def test_kill_from_many_sides_at_once(self):
        sandbox = self.client.create()
        answers = self.in_parallel(lambda _: self.client.request("DELETE", "/v1/sandboxes/" + sandbox), range(8))
        self.assertIn(204, {answer.status for answer in answers})
        self.assertLessEqual({answer.status for answer in answers}, {204, 404})
        self.assertEqual(self.client.info(sandbox)["end_reason"], "killed")

    def test_kill_ends_what_runs(self):
        sandbox = self.client.create()
        process = self.client.start(sandbox, ["sleep", "600"])
        events = self.client.events("GET", process + "/stream")
        self.assertEqual(next(events)[0], "start")
        self.client.kill(sandbox)
        name, data, _ = list(events)[-1]
        self.assertEqual(name, "exit")
        self.assertIn("killed", data["note"])

    def test_ttl(self):
        sandbox = self.client.create(ttl_seconds=0.5)
        info = self.wait_ended(sandbox, "expired")
        self.assertEqual(info["status"], "killed")

    def test_idle(self):
        sandbox = self.client.create(idle_seconds=1)
        self.wait_ended(sandbox, "idle")

    def test_use_moves_the_idle_end(self):
        sandbox = self.client.create(idle_seconds=3)
        began = time.monotonic()
        while time.monotonic() - began < 6:  # twice as long as it may be idle
            answer = self.client.post("/v1/sandboxes/%s/exec" % sandbox, {"cmd": "true"})
            self.assertEqual(answer.status, 200, answer)
            time.sleep(0.1)
        self.wait_ended(sandbox, "idle")

    def test_what_goes_on_is_a_use(self):
        def foreground():
            sandbox = self.client.create(idle_seconds=1)
            self.assertEqual(self.client.exec(sandbox, "sleep 3; echo done")["stdout"], "done\n")
            return sandbox

        def stream():
            sandbox = self.client.create(idle_seconds=1)
            process = self.client.start(sandbox, "sleep 3; echo done")
            self.assertEqual(list(self.client.events("GET", process + "/stream"))[-1][1]["status"], "ok")
            return sandbox

        def terminal():
            sandbox = self.client.create(idle_seconds=1)
            attached = self.client.websocket(self.client.start(sandbox, "sleep 3; echo done", terminal={"rows": 24, "cols": 80}) + "/attach")
            attached.read_until(b"done")
            attached.close()
            return sandbox

        def follower():
            sandbox = self.client.create(idle_seconds=1)
            self.client.start(sandbox, "sleep 3; echo done")
            lines = self.client.events("GET", "/v1/sandboxes/%s/logs?follow=1" % sandbox)
            self.assertEqual(next(lines)[1]["line"], "done\n")
            lines.close()
            return sandbox
        for sandbox in self.in_parallel(lambda work: work(), (foreground, stream, terminal, follower)):
            self.wait_ended(sandbox, "idle")

    def test_what_goes_on_alone_is_no_use(self):
        sandbox = self.client.create(idle_seconds=1)
        self.client.start(sandbox, "sleep 600")
        self.client.start(sandbox, "sleep 600", terminal={"rows": 24, "cols": 80})
        self.wait_ended(sandbox, "idle")  # which looks at it all the while

    def test_lifecycle(self):
        sandbox = self.client.create(ttl_seconds=100)
        path = "/v1/sandboxes/%s/lifecycle" % sandbox
        first = self.client.expect(200, "GET", path)
        longer = self.client.expect(200, "PATCH", path, {"ttl_seconds": 1000, "idle_seconds": 500})
        self.assertGreater(longer["expires_at"], first["expires_at"])
        self.assertEqual((longer["ttl_seconds"], longer["idle_seconds"]), (1000, 500))
        self.assertIsNone(self.client.expect(200, "PATCH", path, {"idle_seconds": None})["idle_seconds"])
        self.assertIsNone(self.client.expect(200, "PATCH", path, {"persistent": True})["expires_at"])
        self.assertEqual(self.client.expect(200, "GET", path), self.client.expect(200, "GET", path))
        for body in ({"ttl_seconds": 0}, {"ttl_seconds": -1}, {"ttl_seconds": "1"}, {"ttl_seconds": 1e300}, {"ttl_seconds": 7 * 24 * 3600}, {"ttl": 5}):
            self.assert_error(self.client.request("PATCH", path, body), 400)
        self.client.expect(200, "PATCH", path, {"ttl_seconds": 0.2})  # shorter as well
        self.wait_ended(sandbox, "expired")

    def test_extended_in_the_last_moment(self):
        """Either it is said to live on and does, or it is said to be gone and is."""
        dice = random.Random(SEED)

        def race(number):
            sandbox = self.client.create(ttl_seconds=0.3)
            time.sleep(max(0, 0.3 + dice.uniform(-0.03, 0.03)))
            answer = self.client.request("PATCH", "/v1/sandboxes/%s/lifecycle" % sandbox, {"ttl_seconds": 600})
            if answer.status == 200:
                lives = self.client.exec(sandbox, "echo $((6*7))")
                self.assertEqual((lives["status"], lives["stdout"]), ("ok", "42\n"))
                time.sleep(1.2)  # beyond what the kernel was told before
                self.assertEqual(self.client.exec(sandbox, "true")["status"], "ok")
                self.client.kill(sandbox)
                return "lives"
            self.assert_error(answer, (404, 409))
            self.wait_ended(sandbox, "expired")
            return "gone"
        fates = []
        for begin in range(0, RACES, 4):
            fates += self.in_parallel(race, range(begin, begin + 4))
        print("seed %d: %s" % (SEED, {fate: fates.count(fate) for fate in set(fates)}))

    def test_guest_lost(self):
        sandbox = self.client.create(limits={"memory": "64M"})
        # Its pid 1 cannot be signalled from inside; from outside it can.
        marked = self.client.start(sandbox, ["sleep", "98765"])
        init = None
        for pid in service.descendants(self.daemon.launcher):
            if "98765" in read("/proc/%d/cmdline" % pid):
                init = int(read("/proc/%d/stat" % pid).rsplit(")", 1)[1].split()[1])
        self.assertTrue(init and service.kill(init), marked)
        info = self.wait_ended(sandbox, "guest_lost")
        self.assertEqual(info["status"], "failed")

    def test_pause_and_resume(self):
        sandbox = self.client.create()
        path = "/v1/sandboxes/" + sandbox
        process = self.client.start(sandbox, "while :; do echo x; sleep 0.01; done")

        def printed():
            return self.client.expect(200, "GET", process)["stdout_bytes"]
        self.assertTrue(wait_until(lambda: printed() > 0))
        self.client.expect(204, "POST", path + "/pause")
        self.assertEqual(self.client.info(sandbox)["status"], "paused")
        time.sleep(0.3)  # what was on its way
        before = printed()
        time.sleep(1)
        self.assertEqual(printed(), before)
        self.assert_error(self.client.post(path + "/pause"), 409)
        self.assert_error(self.client.post(path + "/exec", {"cmd": "true"}), 409)
        self.assert_error(self.client.get(path + "/fs?path=/etc/passwd"), 409)
        self.client.expect(204, "POST", path + "/resume")
        self.assertTrue(wait_until(lambda: printed() > before))
        self.assert_error(self.client.post(path + "/resume"), 409)
        self.client.expect(204, "POST", path + "/pause")
        self.client.kill(sandbox)  # also while it is paused
        self.assertEqual(self.client.info(sandbox)["end_reason"], "killed")

    def test_ttl_of_a_paused(self):
        sandbox = self.client.create(ttl_seconds=1)
        self.client.expect(204, "POST", "/v1/sandboxes/%s/pause" % sandbox)
        self.wait_ended(sandbox, "expired")

    def test_metrics(self):
        sandbox = self.client.create()
        self.client.exec(sandbox, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done")
        figures = self.client.expect(200, "GET", "/v1/sandboxes/%s/metrics" % sandbox)
        self.assertGreater(figures["cpu_ms"], 0)
        self.assertGreater(figures["peak_memory_bytes"], 100_000)


class Idempotency(ServiceCase):
    def test_same_request_one_sandbox(self):
        header = {"Idempotency-Key": "a-%f" % random.random()}
        body = {"metadata": {"x": "1"}}
        first = self.client.post("/v1/sandboxes", body, headers=header)
        second = self.client.post("/v1/sandboxes", body, headers=header)
        self.assertEqual((first.status, second.status), (201, 201))
        self.assertEqual(first.json(), second.json())
        self.assertEqual(second.headers["Idempotent-Replayed"], "true")
        own = ("date", "x-request-id", "idempotent-replayed")  # of each answer

        def kept(answer):
            return sorted((name.lower(), value) for name, value in answer.headers.items() if name.lower() not in own)
        self.assertEqual(kept(first), kept(second))
        self.assertEqual(second.headers["Location"], "/v1/sandboxes/" + first.json()["id"])
        self.assertEqual(len(self.client.list()), 1)

    def test_another_request(self):
        header = {"Idempotency-Key": "b-%f" % random.random()}
        self.assertEqual(self.client.post("/v1/sandboxes", {}, headers=header).status, 201)
        self.assert_error(self.client.post("/v1/sandboxes", {"ttl_seconds": 5}, headers=header), (409, 422))
        self.assertEqual(len(self.client.list()), 1)

    def test_at_once(self):
        header = {"Idempotency-Key": "c-%f" % random.random()}
        answers = self.in_parallel(lambda _: self.client.post("/v1/sandboxes", {"limits": {"memory": "40M"}}, headers=header), range(12))
        made = {answer.json()["id"] for answer in answers if answer.status == 201}
        self.assertEqual(len(made), 1)
        self.assertLessEqual({answer.status for answer in answers}, {201, 409})
        self.assertEqual({item["id"] for item in self.client.list()}, made)

    def test_a_failure_is_not_kept(self):
        header = {"Idempotency-Key": "d-%f" % random.random()}
        self.assert_error(self.client.post("/v1/sandboxes", {"template": "none"}, headers=header), 404)
        self.assertEqual(self.client.post("/v1/sandboxes", {}, headers=header).status, 201)

    def test_of_another_key(self):
        header = {"Idempotency-Key": "e-%f" % random.random()}
        other = self.daemon.client(self.daemon.make_key(label="other")["key"])
        mine = self.client.post("/v1/sandboxes", {}, headers=header).json()["id"]
        theirs = other.post("/v1/sandboxes", {}, headers=header)
        self.assertEqual(theirs.status, 201)
        self.assertNotEqual(theirs.json()["id"], mine)
        other.kill(theirs.json()["id"])

    def test_odd_keys(self):
        self.assert_error(self.client.post("/v1/sandboxes", {}, headers={"Idempotency-Key": "x" * 256}), 400)


class Room(ServiceCase):
    flags = ("--sandboxes", "6", "--pool", "1", "--memory-in-all", "1G")

    def assert_full(self, answer, status):
        self.assert_error(answer, status)
        self.assertGreaterEqual(int(answer.headers["Retry-After"]), 1)

    def test_quota_of_sandboxes(self):
        client = self.daemon.client(self.daemon.make_key(quota={"sandboxes": 2})["key"])
        ids = [client.create() for _ in range(2)]
        self.assert_full(client.post("/v1/sandboxes"), 429)
        other = self.client.create()  # somebody else's quota
        client.kill(ids[0])
        ids[0] = client.create()
        client.expect(204, "POST", "/v1/sandboxes/%s/pause" % ids[1])  # still there
        self.assert_full(client.post("/v1/sandboxes"), 429)
        for sandbox in ids:
            client.kill(sandbox)
        self.client.kill(other)

    def test_quota_when_all_ask_at_once(self):
        client = self.daemon.client(self.daemon.make_key(quota={"sandboxes": 3})["key"])
        answers = self.in_parallel(lambda _: client.post("/v1/sandboxes", {"limits": {"memory": "32M"}}), range(12))
        statuses = sorted(answer.status for answer in answers)
        self.assertEqual(statuses, [201] * 3 + [429] * 9)
        for item in client.list():
            client.kill(item["id"])

    def test_quota_of_memory_and_processors(self):
        client = self.daemon.client(self.daemon.make_key(quota={"memory": "100M", "cpus": 1})["key"])
        first = client.create(limits={"memory": "60M", "cpus": 0.4})
        self.assert_full(client.post("/v1/sandboxes", {"limits": {"memory": "60M", "cpus": 0.4}}), 429)
        self.assert_full(client.post("/v1/sandboxes", {"limits": {"memory": "20M", "cpus": 0.7}}), 429)
        second = client.create(limits={"memory": "20M", "cpus": 0.6})
        client.kill(first)
        client.kill(second)

    def test_no_room(self):
        ids = [self.client.create(limits={"memory": "32M"}) for _ in range(6)]
        self.assert_full(self.client.post("/v1/sandboxes", {"limits": {"memory": "32M"}}), 503)
        self.client.kill(ids.pop())
        ids.append(self.client.create(limits={"memory": "32M"}))

    def test_no_memory(self):
        first = self.client.create(limits={"memory": "900M"})
        self.assert_full(self.client.post("/v1/sandboxes", {"limits": {"memory": "200M"}}), 503)
        self.client.kill(first)
        self.client.create(limits={"memory": "200M"})

    def test_what_a_key_may_not_have(self):
        client = self.daemon.client(self.daemon.make_key(require="hardware")["key"])
        self.assert_error(client.post("/v1/sandboxes"), range(400, 502))
        client = self.daemon.client(self.daemon.make_key(templates=["other"])["key"])
        self.assert_error(client.post("/v1/sandboxes"), 403)

if __name__ == "__main__":
    unittest.main()
