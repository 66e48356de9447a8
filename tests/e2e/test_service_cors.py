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
