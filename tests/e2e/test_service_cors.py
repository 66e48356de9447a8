#!/usr/bin/python3
"""What a browser asks before it lets a page use the API, and what it then reads."""
import subprocess
import unittest

import service
from service import ServiceCase

APP = "https://app.example.com"
OTHER = "https://evil.example.com"


def allowed(answer):
    return {name.lower(): value for name, value in answer.headers.items() if name.lower().startswith("access-control-")}


class Origins(ServiceCase):
    flags = ("--allow-origin", APP, "--allow-origin", "http://localhost:5173")

    def preflight(self, path, origin=APP, method="POST", **more):
        headers = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": "authorization,content-type", **more}
        return self.daemon.client(None).request("OPTIONS", path, headers=headers)

    def test_preflight(self):
        for origin in (APP, "http://localhost:5173"):
            answer = self.preflight("/v1/sandboxes", origin)
            self.assertEqual((answer.status, answer.body), (204, b""))
            said = allowed(answer)
            self.assertEqual(said["access-control-allow-origin"], origin)
            self.assertNotIn("access-control-allow-credentials", said)
            self.assertNotIn("access-control-allow-private-network", said)
            self.assertIn("Origin", answer.headers["Vary"])
            for name in ("Authorization", "Content-Type", "X-API-Key", "Idempotency-Key", "Last-Event-ID", "Range"):
                self.assertIn(name, said["access-control-allow-headers"].split(", "))
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                self.assertIn(method, said["access-control-allow-methods"].split(", "))
        near = self.preflight("/v1/sandboxes", **{"Access-Control-Request-Private-Network": "true"})
        self.assertEqual(allowed(near)["access-control-allow-private-network"], "true")

    def test_other_origins(self):
        for origin in (OTHER, "null", APP + ":444", APP.replace("https", "http"), APP + ".evil.com", "http://localhost:5174"):
            self.assertEqual(allowed(self.preflight("/v1/sandboxes", origin)), {}, origin)
            answer = self.client.get("/v1/sandboxes", headers={"Origin": origin})
            self.assertEqual((answer.status, allowed(answer)), (200, {}), origin)
            self.assertIn("Origin", answer.headers["Vary"])
        self.assertEqual(self.preflight("/v1/sandboxes", OTHER).status, 405)

    def test_answers_and_errors_can_be_read(self):
        created = self.client.post("/v1/sandboxes", headers={"Origin": APP})
        self.assertEqual(created.status, 201)
        self.assertEqual(allowed(created)["access-control-allow-origin"], APP)
        self.assertIn("Location", allowed(created)["access-control-expose-headers"].split(", "))
        path = "/v1/sandboxes/" + created.json()["id"]
        for method, rest, status in (("GET", "", 200), ("GET", "/fs?path=/etc/passwd", 200), ("GET", "/fs?path=/none", 404), ("GET", "/nothing", 404), ("PUT", "/exec", 405)):
            answer = self.client.request(method, path + rest, headers={"Origin": APP})
            self.assertEqual((answer.status, allowed(answer).get("access-control-allow-origin")), (status, APP), rest)
        nobody = self.daemon.client(None).get("/v1/sandboxes", headers={"Origin": APP})
        self.assertEqual((nobody.status, allowed(nobody)["access-control-allow-origin"]), (401, APP))
        stream = self.client.request("POST", path + "/exec/stream", {"cmd": "true"}, headers={"Origin": APP})
        self.assertEqual((stream.status, allowed(stream)["access-control-allow-origin"]), (200, APP))

    def test_servers_inside_speak_for_themselves(self):
        sandbox = self.client.create()
        path = "/v1/sandboxes/%s/ports/8000" % sandbox
        self.assertEqual(self.preflight(path + "/preview").status, 204)
        answer = self.preflight(path + "/x")
        self.assertEqual((answer.status, allowed(answer)), (401, {}))
        answer = self.client.get(path + "/x", headers={"Origin": APP})
        self.assertEqual((answer.status, allowed(answer)), (502, {}))


class E2b(ServiceCase):
    """A page with E2B's client: the control plane and the agent, by the daemon's own address (headers say which sandbox) and by host name."""
    flags = ("--allow-origin", APP)
    # What the published client sends, as a browser asks for it.
    SENT = ("browser", "connect-protocol-version", "connect-timeout-ms", "content-encoding", "content-type", "e2b-sandbox-id", "e2b-sandbox-port", "keepalive-ping-interval",
            "lang", "lang_version", "package_version", "publisher", "sdk_runtime", "system", "x-access-token", "x-api-key", "authorization")

    def setUp(self):
        super().setUp()
        made = self.daemon.client(None).request("POST", "/v2/sandboxes", {"templateID": "base"}, headers={"Origin": APP, "X-API-Key": self.daemon.key.replace("brig_", "e2b_", 1)})
        self.assertEqual((made.status, allowed(made)["access-control-allow-origin"]), (201, APP))
        self.sandbox, self.token = made.json()["sandboxID"], {"X-Access-Token": made.json()["envdAccessToken"]}

    def at(self, port):
        return {"Host": "%d-%s.localhost:%d" % (port, self.sandbox, self.daemon.address[1])}

    def ask(self, method, path, headers, origin=APP, body=None):
        return self.daemon.client(None).request(method, path, body, headers={"Origin": origin, **headers})

    def preflight(self, path, where, origin=APP):
        return self.ask("OPTIONS", path, {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": ",".join(self.SENT), **where}, origin)

    def test_the_agent(self):
        for where in ({}, self.at(49983)):
            for path in ("/process.Process/Start", "/files"):
                answer = self.preflight(path, where)
                self.assertEqual((answer.status, answer.body), (204, b""))
                said = allowed(answer)
                self.assertEqual(said["access-control-allow-origin"], APP)
                self.assertNotIn("access-control-allow-credentials", said)
                self.assertLessEqual(set(self.SENT), set(said["access-control-allow-headers"].lower().split(", ")))
        for where in ({"E2b-Sandbox-Id": self.sandbox, "E2b-Sandbox-Port": "49983"}, self.at(49983)):
            for headers, status in (({**where, **self.token}, 200), (where, 401)):
                answer = self.ask("GET", "/files?path=/etc/passwd", headers)
                self.assertEqual((answer.status, allowed(answer)["access-control-allow-origin"]), (status, APP))
                self.assertIn("Origin", ", ".join(answer.headers.get_all("Vary")))
            start = self.ask("POST", "/process.Process/Start", {**where, **self.token, "Content-Type": "application/connect+json"}, body=b"\0\0\0\0\x1a" + b'{"process":{"cmd":"true"}} ')
            self.assertEqual((start.status, allowed(start)["access-control-allow-origin"]), (200, APP))
        self.client.kill(self.sandbox)
        self.assertEqual(allowed(self.ask("GET", "/health", self.at(49983)))["access-control-allow-origin"], APP)

    def test_other_origins_read_nothing(self):
        for origin in (OTHER, "null", "http://8000-%s.localhost:%d" % (self.sandbox, self.daemon.address[1])):
            for where in ({}, self.at(49983)):
                answer = self.preflight("/process.Process/Start", where, origin)
                self.assertEqual((answer.status // 100, allowed(answer)), (4, {}), origin)
            answer = self.ask("GET", "/files?path=/etc/passwd", {**self.at(49983), **self.token}, origin)
            self.assertEqual(allowed(answer), {}, origin)

    def test_no_page_speaks_to_interpreters(self):
        where = self.at(49999)
        answer = self.preflight("/execute", where)
        self.assertEqual((answer.status, allowed(answer)), (404, {}))
        answer = self.ask("POST", "/execute", {**where, **self.token, "Content-Type": "application/json"}, body={"code": "1"})
        self.assertEqual((answer.status, allowed(answer)), (403, {}))

    def test_servers_inside_speak_for_themselves(self):
        answer = self.ask("GET", "/", self.at(8000))
        self.assertEqual((answer.status, allowed(answer)), (502, {}))


class Nobody(ServiceCase):
    def test_nothing_is_said(self):
        answer = self.client.get("/v1/sandboxes", headers={"Origin": APP})
        self.assertEqual((answer.status, allowed(answer), answer.headers["Vary"]), (200, {}, None))
        asked = self.client.request("OPTIONS", "/v1/sandboxes", headers={"Origin": APP, "Access-Control-Request-Method": "POST"})
        self.assertEqual((asked.status, allowed(asked)), (405, {}))

    def test_what_is_no_origin_is_refused(self):
        for origin in ("*", "null", "app.example.com", APP + "/"):
            ran = subprocess.run([service.BRIG, "serve", "--state-dir", "/nonexistent/brig", "--allow-origin", origin], capture_output=True, timeout=60)
            self.assertEqual(ran.returncode, 2, ran)
            self.assertIn(b"--allow-origin", ran.stderr)


if __name__ == "__main__":
    unittest.main()
