"""Every route of a real daemon, driven, and every answer held against schema/openapi.json as the daemon serves it."""

import json
import os
import re
import shutil
import signal
import tempfile
import time
import unittest

import daemon

def read(path):
    with open(path) as file:
        return file.read()


def children(pid):
    return [int(word) for word in read(f"/proc/{pid}/task/{pid}/children").split()]


def name_of(pid):
    return read(f"/proc/{pid}/comm").strip()


GENERAL = {400, 404, 405, 408, 413, 414, 431, 500, 503}  # what "default" stands for


class Schema:
    """As much of JSON Schema as the document uses. A keyword that it does not know is a failure, not a pass."""

    SILENT = {"description", "default", "format", "$comment"}
    TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}

    def __init__(self, document):
        self.document = document

    def resolve(self, pointer):
        at = self.document
        for part in pointer.removeprefix("#/").split("/"):
            at = at[part]
        return at

    def is_of(self, value, name):
        if name in ("number", "integer"):
            return isinstance(value, (int, float)) and not isinstance(value, bool) and (name == "number" or value == int(value))
        return isinstance(value, self.TYPES[name])

    def mistakes(self, value, schema, at="$"):
        if "$ref" in schema:
            return self.mistakes(value, self.resolve(schema["$ref"]), at)
        found = []
        for keyword, rule in schema.items():
            check = getattr(self, "check_" + keyword, None)
            if check:
                found += check(value, rule, at, schema)
            elif keyword not in self.SILENT:
                found.append(f"{at}: the schema says {keyword}, which this test does not know")
        return found

    def check_type(self, value, rule, at, _):
        names = rule if isinstance(rule, list) else [rule]
        return [] if any(self.is_of(value, name) for name in names) else [f"{at}: {value!r} is no {'/'.join(names)}"]

    def check_enum(self, value, rule, at, _):
        return [] if value in rule else [f"{at}: {value!r} is none of {rule}"]

    def check_properties(self, value, rule, at, _):
        if not isinstance(value, dict):
            return []
        return [m for name, one in rule.items() if name in value for m in self.mistakes(value[name], one, f"{at}.{name}")]

    def check_required(self, value, rule, at, _):
        return [f"{at}: {name} is missing" for name in rule if isinstance(value, dict) and name not in value]

    def check_additionalProperties(self, value, rule, at, schema):
        if not isinstance(value, dict) or rule is True:
            return []
        more = [name for name in value if name not in schema.get("properties", {})]
        if rule is False:
            return [f"{at}: {name} is not in the document" for name in more]
        return [m for name in more for m in self.mistakes(value[name], rule, f"{at}.{name}")]

    def check_items(self, value, rule, at, _):
        return [m for i, one in enumerate(value if isinstance(value, list) else []) for m in self.mistakes(one, rule, f"{at}[{i}]")]

    def check_minimum(self, value, rule, at, _):
        return [f"{at}: {value} is less than {rule}"] if self.is_of(value, "number") and value < rule else []

    def check_maximum(self, value, rule, at, _):
        return [f"{at}: {value} is more than {rule}"] if self.is_of(value, "number") and value > rule else []

    def check_anyOf(self, value, rule, at, _):
        tried = [self.mistakes(value, one, at) for one in rule]
        return [] if [] in tried else [m for one in tried for m in one]

    def check_oneOf(self, value, rule, at, _):
        good = [one for one in rule if not self.mistakes(value, one, at)]
        return [] if len(good) == 1 else [f"{at}: fits {len(good)} of what it should fit one of"]

    def check_exclusiveMinimum(self, value, rule, at, _):
        return [f"{at}: {value} is not more than {rule}"] if self.is_of(value, "number") and value <= rule else []

    def check_minLength(self, value, rule, at, _):
        return [f"{at}: is shorter than {rule}"] if isinstance(value, str) and len(value) < rule else []

    def check_maxLength(self, value, rule, at, _):
        return [f"{at}: is longer than {rule}"] if isinstance(value, str) and len(value) > rule else []

    def check_maxItems(self, value, rule, at, _):
        return [f"{at}: has more than {rule}"] if isinstance(value, list) and len(value) > rule else []


class SchemaTest(unittest.TestCase):
    """The judge itself is judged first."""

    def test_finds_what_is_wrong(self):
        schema = Schema({"components": {"A": {"type": "object", "properties": {"n": {"type": ["integer", "null"], "minimum": 1},
                                                                              "l": {"type": "array", "items": {"enum": ["x"]}}},
                                              "required": ["n"], "additionalProperties": False}}})
        a = {"$ref": "#/components/A"}
        self.assertEqual(schema.mistakes({"n": 1, "l": ["x"]}, a), [])
        self.assertEqual(schema.mistakes({"n": None}, a), [])
        for wrong in ({}, {"n": 0}, {"n": True}, {"n": 1.5}, {"n": "1"}, {"n": 1, "l": ["y"]}, {"n": 1, "m": 2}, []):
            self.assertTrue(schema.mistakes(wrong, a), wrong)
        self.assertTrue(schema.mistakes(1, {"frobnicate": 1}))


@unittest.skipUnless(os.geteuid() == 0, "needs root: makes sandboxes as the installed daemon does")
class OpenApiTest(unittest.TestCase):
    """One sandbox, one walk through all routes: what a route needs, the ones before it have made."""

    @classmethod
    def setUpClass(cls):
        templates = tempfile.mkdtemp(prefix="brig-openapi-")
        cls.addClassCleanup(shutil.rmtree, templates, True)
        os.chmod(templates, 0o755)
        cls.daemon = daemon.Daemon("--log-level", "debug", "--templates-dir", templates)
        cls.addClassCleanup(cls.daemon.close)
        cls.document = cls.daemon.request("GET", "/openapi.json", key="").json()
        cls.schema = Schema(cls.document)
        cls.driven = set()

    def operation_of(self, method, path):
        path = path.split("?")[0]
        fits = []
        for pattern, item in self.document["paths"].items():
            rest = r"/.*$" if "x-any-method" in item else None
            literal = re.sub(r"/\\{path\\}$", rest, re.escape(pattern)) if rest else re.escape(pattern)
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", literal), path) and method.lower() in item:
                fits.append((["{" in part for part in pattern.split("/")], pattern))
        self.assertTrue(fits, f"{method} {path} is not in the document")
        return self.document["paths"][min(fits)[1]][method.lower()]  # a literal goes before a name

    def judge(self, operation, status, headers, body, what):
        self.driven.add(operation["operationId"])
        responses = operation["responses"]
        known = responses.get(str(status)) or responses.get(f"{status // 100}XX")
        if known is None and status in GENERAL:
            known = responses["default"]
        self.assertIsNotNone(known, f"{what}: {status} is not in the document: {body[:300]}")
        known = self.schema.resolve(known["$ref"]) if "$ref" in known else known
        if "content" not in known:
            return
        kind = (headers.get("Content-Type") or "").split(";")[0]
        self.assertIn(kind, known["content"], f"{what}: {status}")
        if kind == "application/json":
            found = self.schema.mistakes(json.loads(body), known["content"][kind]["schema"])
            self.assertEqual(found, [], f"{what}: {status}: {body[:600]}")
        elif kind == "text/event-stream" and "$ref" in known["content"][kind]["schema"]:
            for data in re.findall(rb"^data: (.*)$", body, re.M):
                if data != b"{}":
                    self.assertEqual(self.schema.mistakes(json.loads(data), known["content"][kind]["schema"]), [], what)

    def call(self, status, method, path, body=None, local=False, **options):
        operation = self.operation_of(method, path)
        sent = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if sent and isinstance(body, dict) and 200 <= status < 300:
            self.assertEqual(self.schema.mistakes(body, sent["schema"]), [], f"what this test sends: {method} {path}")
        if local:
            answer = self.daemon.local_request(method, path, json.dumps(body) if body is not None else None)
        else:
            answer = self.daemon.request(method, path, body, **options)
        self.assertEqual(answer.status, status, f"{method} {path}: {answer.body[:500]}")
        self.judge(operation, answer.status, answer.headers, answer.body, f"{method} {path}")
        return answer

    def stream(self, path, until):
        """Reads an endless answer until it says `until`."""
        operation = self.operation_of("GET", path)
        with self.daemon.tcp() as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {self.daemon.key}\r\n\r\n".encode())
            got = b""
            while until not in got:
                piece = connection.recv(65536)
                self.assertTrue(piece, f"{path} ended: {got!r}")
                got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        self.assertEqual(status, 200, got)
        self.judge(operation, status, {"Content-Type": "text/event-stream"}, body[:body.rfind(b"\n\n") + 2], path)

    def websocket(self, path):
        operation = self.operation_of("GET", path)
        with self.daemon.tcp() as connection:
            connection.sendall((f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.daemon.key}\r\nConnection: Upgrade\r\n"
                                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n\r\n").encode())
            status = int(connection.recv(4096).split()[1])
        self.assertEqual(status, 101)
        self.judge(operation, status, {}, b"", path)

    def test_walk(self):
        self.operations()
        self.sandboxes()
        can_pause = self.lifecycle()
        self.commands()
        self.contexts()
        self.mcp()
        self.copies()
        self.files()
        self.folders()
        self.ports()
        self.keys()
        self.pandastack(can_pause)
        self.end()
        every = {one["operationId"] for item in self.document["paths"].values() for one in item.values() if isinstance(one, dict)}
        self.assertEqual(every - self.driven, set(), "routes that no test has driven")

    def operations(self):
        self.call(200, "GET", "/healthz", key="")
        self.call(200, "GET", "/metrics", key="")
        self.call(401, "GET", "/metrics", key="", headers={"X-Forwarded-For": "203.0.113.7"})
        self.call(200, "GET", "/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
        self.call(200, "GET", "/openapi.json", key="")
        self.call(401, "GET", "/v1/events", key="")
        self.call(400, "GET", "/v1/events?from=yesterday")
        self.call(200, "GET", "/v1/me")
        self.call(401, "GET", "/v1/me", key="brig_" + "0" * 40)

    def sandboxes(self):
        create = {"template": "host", "ttl_seconds": 600, "idle_seconds": 300, "metadata": {"user": "7"}, "env": {"A": "b"},
                  "limits": {"memory": "128M", "pids": 32}}
        token = {"Idempotency-Key": "one"}
        made = self.call(201, "POST", "/v1/sandboxes", create, headers=token).json()
        again = self.call(201, "POST", "/v1/sandboxes", create, headers=token).json()
        self.assertEqual(made["id"], again["id"])
        self.call(409, "POST", "/v1/sandboxes", {}, headers=token)
        self.at = "/v1/sandboxes/" + made["id"]
        for body in ({"ttl_seconds": -1}, {"nonsense": 1}, {"limits": {"memory": "x"}}, {"ttl_seconds": 10**9}):
            self.call(400, "POST", "/v1/sandboxes", body)
        self.call(400, "POST", "/v1/sandboxes", "[")
        self.call(404, "POST", "/v1/sandboxes", {"template": "none-such"})
        self.call(501, "POST", "/v1/sandboxes", {"require": "hardware"})
        self.call(200, "POST", "/v1/sandboxes", {"dry_run": True})
        self.call(401, "POST", "/v1/sandboxes", {}, key="")
        handed_over = "/v1/sandboxes/" + self.call(201, "POST", "/v1/sandboxes", {"channel": True, "ttl_seconds": 60}).json()["id"]
        self.call(426, "GET", handed_over + "/channel")
        self.call(409, "POST", handed_over + "/exec", {"cmd": "true"})
        self.websocket(handed_over + "/channel")
        self.call(200, "GET", "/v1/sandboxes?metadata.user=7&limit=1")
        self.call(400, "GET", "/v1/sandboxes?limit=0")
        self.call(400, "GET", "/v1/sandboxes?cursor=no")
        self.call(200, "GET", self.at)
        self.call(404, "GET", "/v1/sandboxes/none")
        self.call(200, "GET", self.at + "/attestation")

    def lifecycle(self):
        self.call(200, "GET", self.at + "/lifecycle")
        self.call(200, "PATCH", self.at + "/lifecycle", {"ttl_seconds": 900, "idle_seconds": None})
        self.call(400, "PATCH", self.at + "/lifecycle", {"ttl_seconds": "x"})
        can_pause = self.daemon.request("POST", self.at + "/pause").status == 204
        self.call(409 if can_pause else 501, "POST", self.at + "/pause")
        if can_pause:
            self.call(409, "POST", self.at + "/exec", {"cmd": "true"})
        self.call(204 if can_pause else 409, "POST", self.at + "/resume")
        self.call(409, "POST", self.at + "/resume")
        return can_pause

    def pandastack(self, can_pause):
        """What only PandaStack's clients ask for, most of it to hear that it is not there."""
        self.call(200 if can_pause else 501, "POST", self.at + "/hibernate")
        if can_pause:
            self.assertEqual(self.call(200, "GET", self.at).json()["status"], "hibernated")
        self.call(200, "POST", self.at + "/wake")
        walls = self.call(200, "GET", "/v1/runtimes").json()
        self.assertEqual(walls["items"][0]["name"], "process")
        self.assertEqual(walls["default"], {"runtime": "process", "reason": "the fastest wall that is good enough"})
        self.call(200, "GET", "/v1/templates")
        self.call(200, "GET", "/v1/templates", key="pds_" + self.daemon.key.split("_")[1])
        self.call(200, "GET", "/v1/templates/host")
        self.call(404, "GET", "/v1/templates/none")
        self.call(200, "GET", "/v1/templates/host/prompt")
        self.call(404, "GET", "/v1/templates/none/prompt")
        self.call(403, "DELETE", "/v1/templates/host")
        for path in ("/v1/me/tokens", "/v1/snapshots", "/v1/volumes", "/v1/templates/builds"):
            self.call(200, "GET", path)
        for method, path in (("GET", "/v1/snapshots/x"), ("DELETE", "/v1/snapshots/x"), ("GET", "/v1/volumes/x"), ("DELETE", "/v1/volumes/x"),
                             ("GET", "/v1/templates/builds/x"), ("GET", "/v1/templates/builds/x/logs"), ("DELETE", "/v1/templates/builds/x"), ("POST", "/v1/sandboxes/x/fork")):
            self.call(404, method, path)
        self.call(403, "POST", "/v1/templates/build")
        self.call(403, "POST", "/v1/templates/import")
        builder = self.daemon.new_key(label="builder", may_build_templates=True)["key"]
        self.call(400, "POST", "/v1/templates/build", key=builder)
        self.call(400, "POST", "/v1/templates/import", key=builder)
        build = self.call(202, "POST", "/v1/templates/import?name=none", b"no archive", key=builder).json()["id"]
        self.call(200, "GET", "/v1/templates/builds/%s/logs?follow=1" % build, key=builder)
        self.call(200, "GET", "/v1/templates/builds/%s/logs" % build, key=builder)
        self.assertEqual(self.call(200, "GET", "/v1/templates/builds/" + build, key=builder).json()["status"], "failed")
        self.call(200, "GET", "/v1/templates/builds", key=builder)
        self.call(409, "DELETE", "/v1/templates/builds/" + build, key=builder)
        for method, path in (("POST", "/v1/volumes"), ("POST", "/v1/me/tokens"), ("DELETE", "/v1/me/tokens/x")):
            self.call(501, method, path)

    def contexts(self):
        for place in ("/contexts", "/repl/sessions"):
            context = self.call(201, "POST", self.at + place, {"language": "python"}).json()["id"]
            self.call(200, "POST", "%s%s/%s/run" % (self.at, place, context), {"code": "1/0", "timeout_ms": 5000, "env": {"A": "b"}})
            if place == "/contexts":
                self.call(200, "GET", self.at + place)
                self.call(204, "POST", "%s%s/%s/interrupt" % (self.at, place, context))
                self.call(204, "POST", "%s%s/%s/restart" % (self.at, place, context))
            self.call(204, "DELETE", "%s%s/%s" % (self.at, place, context))
            self.call(404, "DELETE", "%s%s/%s" % (self.at, place, context))

    def mcp(self):
        kind = {"Content-Type": "application/json"}
        begin = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}}}
        session = {**kind, "Mcp-Session-Id": self.call(200, "POST", "/mcp", begin, headers=kind).headers["Mcp-Session-Id"]}
        self.call(202, "POST", "/mcp", {"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=session)
        self.call(400, "POST", "/mcp", "[", headers=session)
        self.call(401, "POST", "/mcp", begin, headers=kind, key="")
        self.call(204, "DELETE", "/mcp", headers=session)
        self.call(404, "DELETE", "/mcp", headers=session)

    def copies(self):
        snapshot = self.call(201, "POST", self.at + "/snapshots").json()["id"]
        self.call(200, "GET", "/v1/snapshots?sandbox_id=" + self.at.rsplit("/", 1)[1])
        self.call(200, "GET", "/v1/snapshots/" + snapshot)
        made = [self.call(201, "POST", "/v1/sandboxes", {"from_snapshot": snapshot}).json()["id"]]
        self.call(204, "DELETE", "/v1/snapshots/" + snapshot)
        made.append(self.call(201, "POST", self.at + "/fork", {"metadata": {"a": "b"}}).json()["sandbox"]["id"])
        tree = self.call(201, "POST", self.at + "/fork-tree", {"count": 2}).json()
        self.call(400, "POST", self.at + "/fork-tree", {"count": 17})
        self.call(409, "POST", f"/v1/sandboxes/{made[0]}/promote", {"tree_id": tree["tree_id"]})
        made.append(tree["children"][0]["id"])
        self.call(200, "POST", f"/v1/sandboxes/{made[-1]}/promote", {"cleanup_siblings": True, "tree_id": tree["tree_id"]})
        for box in made:
            self.call(204, "DELETE", "/v1/sandboxes/" + box)

    def commands(self):
        self.call(200, "POST", self.at + "/exec", {"cmd": "echo out; echo err >&2; exit 3"})
        self.call(200, "POST", self.at + "/exec", {"argv": ["/no/such"]})
        self.call(200, "POST", self.at + "/exec", {"argv": ["sleep", "60"], "timeout_seconds": 0.2})
        self.call(400, "POST", self.at + "/exec", {})
        self.call(501, "POST", self.at + "/exec", {"cmd": "true", "user": "root"})
        self.call(200, "POST", self.at + "/exec/stream?encoding=base64", {"cmd": "echo hello"})
        self.call(400, "POST", self.at + "/exec/stream?encoding=x", {"cmd": "true"})
        burn = self.call(202, "POST", self.at + "/exec", {"cmd": "while :; do :; done", "background": True}).json()["id"]
        self.call(200, "GET", self.at + f"/processes/{burn}/wait?timeout_ms=300")
        use = self.call(200, "GET", self.at + "/metrics").json()
        self.assertGreater(use["cpu_ms"], 0)
        self.assertGreater(use["memory_bytes"], 0)
        self.assertGreaterEqual(use["pids"], 1)
        self.call(204, "DELETE", self.at + f"/processes/{burn}")
        cat = self.call(202, "POST", self.at + "/exec", {"argv": ["cat"], "background": True, "keep_stdin": True}).json()["id"]
        process = self.at + f"/processes/{cat}"
        self.call(200, "POST", process + "/stdin", b"some text")
        self.call(204, "DELETE", process + "/stdin")
        self.assertEqual(self.call(200, "GET", process + "/wait").json()["status"], "ok")
        self.call(409, "POST", process + "/stdin", b"more")
        self.call(409, "POST", process + "/signal", {"signal": "SIGTERM"})
        self.call(200, "GET", process)
        self.call(404, "GET", self.at + "/processes/999")
        self.call(200, "GET", process + "/stream?stdout=5")
        self.call(400, "GET", process + "/stream?stdout=x")
        self.assertEqual(self.call(200, "GET", process + "/output?offset=5").body, b"text")
        self.call(400, "GET", process + "/output?stream=x")
        shell = self.call(202, "POST", self.at + "/exec", {"argv": ["sh"], "background": True, "terminal": {"rows": 5, "cols": 9}}).json()["id"]
        self.call(204, "POST", self.at + f"/processes/{shell}/resize", {"rows": 10, "cols": 20})
        self.call(409, "POST", process + "/resize", {"rows": 10, "cols": 20})
        self.call(400, "POST", self.at + f"/processes/{shell}/resize", {"rows": 0})
        self.websocket(self.at + f"/processes/{shell}/attach")
        self.call(426, "GET", self.at + f"/processes/{shell}/attach")
        self.call(204, "POST", self.at + f"/processes/{shell}/signal", {"signal": 9})
        self.call(400, "POST", self.at + f"/processes/{shell}/signal", {"signal": "NONE"})
        self.call(200, "GET", self.at + "/processes")
        self.call(200, "GET", self.at + "/logs?stream=stdout")
        self.stream(self.at + "/logs?follow=1", b'"stream":"stderr"')

    def files(self):
        fs = self.at + "/fs"
        self.call(200, "PUT", fs + "?path=/workspace/a/b.txt", b"bytes")
        self.assertEqual(self.call(200, "GET", fs + "?path=/workspace/a/b.txt").body, b"bytes")
        self.assertEqual(self.call(206, "GET", fs + "?path=/workspace/a/b.txt", headers={"Range": "bytes=1-2"}).body, b"yt")
        self.call(416, "GET", fs + "?path=/workspace/a/b.txt", headers={"Range": "bytes=9-"})
        self.call(409, "PUT", fs + "?path=/workspace/a/b.txt&exclusive=1", b"bytes")
        self.call(403, "PUT", fs + "?path=/usr/x", b"bytes")
        self.call(404, "GET", fs + "?path=/workspace/none")
        self.call(400, "GET", fs + "?path=relative")
        self.call(409, "GET", fs + "?path=/workspace")
        self.daemon.exec(self.at.rsplit("/", 1)[1], "ln -s b.txt /workspace/a/link; mkfifo /workspace/a/fifo")
        self.call(200, "GET", fs + "/dir?path=/workspace/a")
        self.call(404, "GET", fs + "/dir?path=/none")
        self.call(200, "GET", fs + "/stat?path=/workspace/a/link")
        self.call(201, "POST", fs + "/mkdir", {"path": "/workspace/c/d"})
        self.call(400, "POST", fs + "/mkdir", {})
        self.call(200, "POST", fs + "/move", {"from": "/workspace/a/b.txt", "to": "/workspace/c/e.txt"})
        self.call(404, "POST", fs + "/move", {"from": "/workspace/a/b.txt", "to": "/workspace/c/e.txt"})
        self.call(204, "POST", fs + "/chmod", {"path": "/workspace/c/e.txt", "mode": "0600"})
        self.call(400, "POST", fs + "/chmod", {"path": "/workspace/c/e.txt", "mode": "x"})
        self.call(409, "DELETE", fs + "?path=/workspace/c")
        self.call(204, "DELETE", fs + "?path=/workspace/c&recursive=1")

    def folders(self):
        fs = self.at + "/fs"
        self.call(200, "PUT", fs + "?path=/workspace/t/x", b"x")
        tar = self.call(200, "GET", fs + "/tar?path=/workspace/t").body
        self.call(200, "PUT", fs + "/tar?path=/workspace/u", tar)
        self.call(422, "PUT", fs + "/tar?path=/workspace/u", b"no archive")
        self.call(404, "GET", fs + "/tar?path=/none")
        sandbox = self.at.rsplit("/", 1)[1]
        self.daemon.exec(sandbox, "while :; do echo > /workspace/t/tick; sleep 0.05; done", background=True)
        self.stream(fs + "/watch?path=/workspace/t", b"tick")
        self.call(404, "GET", fs + "/watch?path=/none")

    def ports(self):
        sandbox = self.at.rsplit("/", 1)[1]
        program = ("import http.server, sys\nclass H(http.server.BaseHTTPRequestHandler):\n"
                   "  def answer(self):\n    self.send_response(200); self.send_header('Content-Length', '2'); self.end_headers(); self.wfile.write(b'ok')\n"
                   "  do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = do_OPTIONS = answer\n"
                   "http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()\n")
        self.daemon.serve(sandbox, program, 8080)
        self.call(200, "GET", self.at + "/ports")
        self.call(201, "POST", self.at + "/ports/8080/preview", {"expires_in_seconds": 60})
        self.call(400, "POST", self.at + "/ports/8080/preview", {"expires_in_seconds": "x"})
        for method in ("GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"):
            self.call(200, method, self.at + "/ports/8080/some/where", b"" if method in ("PUT", "POST", "PATCH") else None)
        self.call(401, "GET", self.at + "/ports/8080/", key="")
        self.call(502, "GET", self.at + "/ports/8081/")

    def keys(self):
        made = self.call(201, "POST", "/v1/keys", {"label": "other", "quota": {"sandboxes": 1, "memory": "1G"}}, local=True).json()
        self.call(403, "POST", "/v1/keys", {})
        self.call(400, "POST", "/v1/keys", {"quota": {"sandboxes": "x"}}, local=True)
        self.call(200, "GET", "/v1/keys", local=True)
        self.call(403, "GET", "/v1/keys")
        self.call(404, "GET", self.at, key=made["key"])
        own = self.call(201, "POST", "/v1/sandboxes", {}, key=made["key"]).json()["id"]
        self.call(429, "POST", "/v1/sandboxes", {}, key=made["key"])
        self.call(204, "DELETE", "/v1/sandboxes/" + own, key=made["key"])
        self.call(204, "DELETE", "/v1/keys/" + made["id"], local=True)
        self.call(404, "DELETE", "/v1/keys/none", local=True)
        self.call(401, "GET", "/v1/me", key=made["key"])

    def end(self):
        self.call(204, "DELETE", self.at)
        self.call(404, "DELETE", self.at)
        self.assertEqual(self.call(200, "GET", self.at).json()["end_reason"], "killed")
        self.call(200, "GET", "/v1/sandboxes?state=all")
        self.stream("/v1/events?from=oldest&sandbox=" + self.at.rsplit("/", 1)[1], b'"reason":"killed"}}\n\n')

    def test_what_happened_is_counted_and_logged(self):
        sandbox = self.daemon.create()
        ran = self.daemon.request("POST", f"/v1/sandboxes/{sandbox}/exec", {"cmd": "true"}, headers={"X-Request-Id": "find-me"})
        self.assertEqual(ran.status, 200)
        self.daemon.request("DELETE", f"/v1/sandboxes/{sandbox}")
        text = self.daemon.request("GET", "/metrics", key="").body.decode()
        for line in (r'brig_create_seconds_count{runtime="process",template="host",mode="(pool|cold)"} [1-9]',
                     r'brig_exec_seconds_count{runtime="process",template="host",status="ok"} [1-9]', r'brig_ended_total{reason="killed"} [1-9]',
                     r'brig_http_requests_total{route="exec",status="2xx"} [1-9]', r'brig_pool_wanted{runtime="process",template="host"} [1-9]',
                     r"process_resident_memory_bytes [1-9]", r"process_open_fds [1-9]"):
            self.assertRegex(text, re.compile("^" + line.replace("{", r"\{"), re.M))
        self.assertNotIn(sandbox, text)
        lines = [json.loads(line) for line in self.daemon.log().splitlines() if line.startswith(b"{")]
        mine = [line for line in lines if line.get("request_id") == "find-me"]
        self.assertEqual([(one["event"], one["level"], one["route"], one["status"]) for one in mine], [("http.request", "debug", "exec", 200)])
        created = [line for line in lines if line["event"] == "sandbox.created" and line["sandbox"] == sandbox]
        self.assertTrue(created[0]["request_id"])

    def test_events_go_on_after_the_daemon_was_killed(self):
        own = daemon.Daemon()
        self.addCleanup(own.close)
        sandbox = own.create()
        with own.tcp() as connection:
            connection.sendall(f"GET /v1/events?from=oldest HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {own.key}\r\n\r\n".encode())
            got = b""
            while b"sandbox.created" not in got or not got.endswith(b"\n\n"):
                got += connection.recv(65536)
        last = re.findall(rb"^id: (\w+)$", got, re.M)[-1].decode()
        time.sleep(2.5)  # one that ends at once is not started again
        keeper = own.keeper.pid
        brigd = [pid for pid in children(keeper) if name_of(pid) == "brigd"]
        os.kill(brigd[0], signal.SIGKILL)
        with own.tcp() as connection:
            connection.settimeout(20)
            connection.sendall(f"GET /v1/events HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {own.key}\r\nLast-Event-ID: {last}\r\n\r\n".encode())
            got = b""
            while b"daemon_lost" not in got:
                got += connection.recv(65536)
        self.assertNotIn(b"sandbox.created", got)
        self.assertIn(sandbox.encode(), got)


if __name__ == "__main__":
    unittest.main()
