#!/usr/bin/python3
"""Templates made over the API: from a form to a sandbox that runs on it, whose they are, and what comes of everything that goes wrong."""
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import unittest
import unittest.mock

import service
from service import Daemon, children, descendants, is_alive, kill, name_of, wait_until
import test_templates
from test_templates import have_to_be_root, small_root, tar_of

BOUNDARY = "----brig"
UPLOAD_MOST = 32 << 20


def part(name, contents, filename=None, kind=None):
    head = 'Content-Disposition: form-data; name="%s"' % name
    if filename is not None:
        head += '; filename="%s"' % filename
    if kind:
        head += "\r\nContent-Type: " + kind
    contents = contents if isinstance(contents, bytes) else str(contents).encode()
    return b"--" + BOUNDARY.encode() + b"\r\n" + head.encode() + b"\r\n\r\n" + contents + b"\r\n"


def form(*parts, end=True):
    return b"".join(parts) + (b"--" + BOUNDARY.encode() + b"--\r\n" if end else b"")


class TemplateBuilds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        have_to_be_root()
        cls.scratch = tempfile.mkdtemp(prefix="brig-template-builds-")
        cls.addClassCleanup(shutil.rmtree, cls.scratch, ignore_errors=True)
        os.chmod(cls.scratch, 0o755)
        cls.folder = os.path.join(cls.scratch, "templates")
        root = os.path.join(cls.scratch, "root")
        os.mkdir(root)
        with unittest.mock.patch.object(test_templates, "PROGRAMS", [*test_templates.PROGRAMS, "tar"]):
            small_root(root)
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as tar:
            tar.add(root, arcname=".")
        cls.root_tar = out.getvalue()
        cls.daemon = Daemon("--templates-dir", cls.folder, "--pool", "0", "--template-upload", str(UPLOAD_MOST), "--templates-each", "5")
        cls.addClassCleanup(cls.daemon.close)
        cls.client = cls.builder("one")
        cls.other = cls.builder("two")
        made = cls.wait(cls.client, cls.client.expect(202, "POST", "/v1/templates/import?name=small", cls.root_tar))
        assert made["status"] == "done", made

    @classmethod
    def builder(cls, label, **more):
        return cls.daemon.client(cls.daemon.make_key(label=label, may_build_templates=True, **more)["key"])

    @classmethod
    def wait(cls, client, build):
        """The build when it has ended, with its lines."""
        lines = []
        for name, data, _ in client.events("GET", "/v1/templates/builds/%s/logs?follow=1" % build["id"]):
            if name == "done":
                return {**data, "lines": lines}
            lines.append(data["line"])
        raise AssertionError("the log has no end: %r" % lines)

    def send(self, body, client=None, kind="multipart/form-data; boundary=" + BOUNDARY):
        return (client or self.client).request("POST", "/v1/templates/build", body, headers={"Content-Type": kind})

    def build(self, name, dockerfile, *files, client=None):
        answer = self.send(form(part("name", name), part("dockerfile", dockerfile), *files), client)
        self.assertEqual(answer.status, 202, answer)
        return answer.json()

    def ended(self, name, dockerfile, *files, client=None):
        return self.wait(client or self.client, self.build(name, dockerfile, *files, client=client))

    def names(self):
        return sorted(name.removesuffix(".json") for name in os.listdir(os.path.join(self.folder, "names")))

    def unfinished(self):
        return os.listdir(os.path.join(self.folder, "build"))

    def builder_pid(self):
        return next((pid for pid in children(self.daemon.keeper.pid) if name_of(pid) == "brig-template" and is_alive(pid)), None)

    def wait_line(self, build, wanted, client=None):
        for name, data, _ in (client or self.client).events("GET", "/v1/templates/builds/%s/logs?follow=1" % build["id"]):
            if name != "done" and wanted in data["line"]:
                return
        self.fail("%r was never said" % wanted)

    def remove(self, name, client=None):
        (client or self.client).expect(204, "DELETE", "/v1/templates/" + name)

    def test_a_dockerfile_with_its_context(self):
        build = self.ended("app", "FROM small\nCOPY src /app\nRUN cat /app/deep/a.txt; echo made > /app/made\nENV COLOUR=red\nWORKDIR /app\n",
                           part("src/deep/a.txt", "hello\n", "a.txt"), part("src/b", b"\0\1", "b"))
        self.assertEqual((build["status"], build["error"], build["kind"]), ("done", None, "dockerfile"), build)
        self.assertIn("hello", build["lines"])
        self.assertTrue(build["bytes"] > 0 and build["ended_at"] >= build["started_at"])
        found = self.client.expect(200, "GET", "/v1/templates/app")
        self.assertEqual((found["digest"], found["size_bytes"], found["is_global"]), (build["digest"], build["bytes"], False))
        sandbox = self.client.create(template="app")
        ran = self.client.exec(sandbox, "pwd; cat deep/a.txt made; echo $COLOUR; wc -c < b")
        self.assertEqual(ran["stdout"], "/app\nhello\nmade\nred\n2\n", ran)
        # Removing the name leaves who runs on it alone.
        self.remove("app")
        self.assertEqual(self.client.get("/v1/templates/app").status, 404)
        self.assertEqual(self.client.exec(sandbox, "cat made")["stdout"], "made\n")
        self.client.kill(sandbox)

    def test_the_same_again_comes_from_the_cache(self):
        files = (part("f", "same", "f"),)
        first = self.ended("again", "FROM small\nCOPY f /f\nRUN cp /f /g\n", *files)
        second = self.ended("again", "FROM small\nCOPY f /f\nRUN cp /f /g\n", *files)
        self.assertEqual((first["status"], second["digest"]), ("done", first["digest"]), (first, second))
        changed = self.ended("again", "FROM small\nCOPY f /f\nRUN cp /f /g\n", part("f", "other", "f"))
        self.assertNotEqual(changed["digest"], first["digest"])
        half = self.ended("again", "FROM small\nCOPY f /f\nRUN cp /f /g\nRUN true\n", *files)
        self.assertNotIn("from the cache", "".join(half["lines"]), "that somebody made a step before is nobody's to know")
        self.remove("again")

    def test_a_context_that_is_a_tar(self):
        tar = tar_of(("run.sh", b"#!/bin/sh\necho ran\n", "", 0o755))
        build = self.ended("tarred", "FROM small\nCOPY run.sh /run.sh\nRUN /run.sh\n", part("context", tar, "context.tar", "application/x-tar"))
        self.assertEqual(build["status"], "done", build)
        self.assertIn("ran", build["lines"])
        self.remove("tarred")

    def test_an_archive_in_a_form(self):
        answer = self.send(form(part("name", "archived"), part("size_mb", 64), part("rootfs", self.root_tar, "rootfs.tar")))
        build = self.wait(self.client, answer.json())
        self.assertEqual((build["status"], build["kind"], build["size_mb"]), ("done", "archive", 64), build)
        small = self.client.expect(200, "GET", "/v1/templates/small")
        self.assertEqual(build["digest"], small["digest"])
        self.remove("archived")
        sandbox = self.client.create(template="small")  # the same image under its other name
        self.assertEqual(self.client.exec(sandbox, "cat /opt/mark")["stdout"], "here\n")
        self.client.kill(sandbox)

    def test_what_sandboxes_of_it_get(self):
        answer = self.send(form(part("name", "sized"), part("dockerfile", "FROM small\n"), part("memory_mb", 333), part("cpu", "0.5")))
        self.assertEqual(self.wait(self.client, answer.json())["status"], "done")
        found = self.client.expect(200, "GET", "/v1/templates/sized")
        self.assertEqual((found["memory_mb"], found["cpu"]), (333, 0.5))
        self.remove("sized")

    def test_whose_it_is(self):
        self.assertEqual(self.other.get("/v1/templates/small").status, 404)
        self.assertEqual(self.other.get("/v1/templates/small/prompt").status, 404)
        self.assertNotIn("small", [one["name"] for one in self.other.expect(200, "GET", "/v1/templates")["items"]])
        self.assertEqual(self.other.post("/v1/sandboxes", {"template": "small"}).status, 404)
        self.assertEqual(self.other.request("DELETE", "/v1/templates/small").status, 404)
        self.assertEqual(self.send(form(part("name", "small"), part("dockerfile", "FROM scratch\n")), self.other).status, 409)
        self.assertEqual(self.other.request("POST", "/v1/templates/import?name=small", self.root_tar).status, 409)
        on_it = self.ended("theirs", "FROM small\nRUN cat /opt/mark\n", client=self.other)
        self.assertEqual(on_it["status"], "failed")
        self.assertIn("small", on_it["error"])
        self.assertNotIn("here", on_it["lines"])
        copied = self.ended("theirs", "FROM scratch\nCOPY --from=small /opt/mark /mark\n", client=self.other)
        self.assertEqual(copied["status"], "failed", copied)
        self.assertNotIn("theirs", self.names())
        owner = self.daemon.owner()
        self.assertEqual(owner.expect(200, "GET", "/v1/templates/small")["name"], "small")
        self.assertEqual(owner.request("DELETE", "/v1/templates/small").status, 403)
        self.assertNotIn("small", self.other.post("/v1/sandboxes", {"template": "smal"}).body.decode())
        ran = subprocess.run([service.BRIG, "run", "--template", "small", "--templates-dir", self.folder, "--", "true"], capture_output=True, text=True)
        self.assertNotEqual(ran.returncode, 0)
        self.assertIn("is the key's", ran.stderr)

    def test_a_build_is_its_keys(self):
        build = self.ended("seen", "FROM scratch\nCOPY a /a\n", part("a", "x", "a"))
        self.assertEqual(build["status"], "done", build)
        path = "/v1/templates/builds/" + build["id"]
        self.assertEqual(self.other.get(path).status, 404)
        self.assertEqual(self.other.get(path + "/logs").status, 404)
        self.assertEqual(self.other.request("DELETE", path).status, 404)
        self.assertIn(build["id"], [one["id"] for one in self.client.expect(200, "GET", "/v1/templates/builds")["items"]])
        self.assertNotIn(build["id"], [one["id"] for one in self.other.expect(200, "GET", "/v1/templates/builds")["items"]])
        panda = self.daemon.client(self.client.key.replace("brig_", "pds_"))
        self.assertIn(build["id"], [one["id"] for one in panda.expect(200, "GET", "/v1/templates/builds")])
        self.assertEqual(self.client.request("DELETE", path).status, 409)
        self.assertEqual(self.client.get(path + "/logs").body.decode().splitlines(), build["lines"])
        self.remove("seen")

    def test_what_the_owner_makes_is_everybodys(self):
        owner = self.daemon.owner()
        answer = self.send(form(part("name", "shared"), part("dockerfile", "FROM small\n")), owner)
        self.assertEqual(self.wait(owner, answer.json())["status"], "done")
        self.assertTrue(self.other.expect(200, "GET", "/v1/templates/shared")["is_global"])
        sandbox = self.other.create(template="shared")
        self.other.kill(sandbox)
        self.assertEqual(self.other.request("DELETE", "/v1/templates/shared").status, 403)
        self.remove("shared", owner)

    def test_a_run_that_fails(self):
        build = self.ended("broken", "FROM small\nRUN echo before; cat /no/such/file\nRUN echo after\n")
        self.assertEqual(build["status"], "failed")
        self.assertIn("line 2", build["error"])
        self.assertIn("before", build["lines"])
        self.assertTrue(any("No such file" in line for line in build["lines"]), build)
        self.assertNotIn("after", build["lines"])
        self.assertNotIn("broken", self.names())
        self.assertEqual(self.client.post("/v1/sandboxes", {"template": "broken"}).status, 404)
        self.assertTrue(wait_until(lambda: not self.unfinished()))

    def test_hostile_input_fails_and_leaves_nothing(self):
        for archive, why in ((b"no archive at all", "no sound tar"), (self.root_tar[:1000], "ends too early"), (tar_of(("../../escape", b"xx", "")), "leads out"),
                             (tar_of(("a", tarfile.SYMTYPE, "/etc"), ("a/passwd", b"xx", "")), "links are not followed")):
            build = self.wait(self.client, self.client.expect(202, "POST", "/v1/templates/import?name=hostile", archive))
            self.assertEqual(build["status"], "failed", build)
            self.assertIn(why, build["error"])
        for dockerfile in ("FROM", "NONSENSE x\n", "FROM none-such\n", "FROM small\nCOPY missing /\n", "FROM small\nCOPY ../../etc/shadow /\n", "\0\0"):
            build = self.ended("hostile", dockerfile)
            self.assertEqual(build["status"], "failed", dockerfile)
            self.assertTrue(build["error"], dockerfile)
        build = self.ended("hostile", "FROM small\nCOPY a /a\n", part("context", tar_of(("../a", b"xx", "")), "c.tar", "application/x-tar"))
        self.assertEqual(build["status"], "failed", build)
        self.assertNotIn("hostile", self.names())
        self.assertTrue(wait_until(lambda: not self.unfinished()))

    def test_bad_forms(self):
        name, dockerfile = part("name", "bad"), part("dockerfile", "FROM scratch\n")
        whole = form(name, dockerfile, part("a/b", "x", "b"))
        bad = {
            "no form": (b"{}", "application/json"),
            "no boundary": (whole, "multipart/form-data"),
            "a long boundary": (whole, "multipart/form-data; boundary=" + 71 * "x"),
            "another boundary": (whole, "multipart/form-data; boundary=other"),
            "nothing": (b"", None), "no parts": (form(), None), "no name": (form(dockerfile), None), "nothing to make it of": (form(name), None),
            "cut": (whole[:-20], None), "no end": (form(name, dockerfile, end=False), None), "more behind it": (whole + b"x", None),
            "huge headers": (form(name, b"--" + BOUNDARY.encode() + b"\r\nX: " + 9000 * b"x" + b"\r\n\r\nx\r\n"), None),
            "two names": (form(name, name, dockerfile), None), "two archives": (form(name, part("rootfs", "x", "r"), part("rootfs", "x", "r")), None),
            "both": (form(name, part("rootfs", "x", "r"), dockerfile), None), "an unknown field": (form(name, dockerfile, part("target", "x")), None),
            "a file before what it is for": (form(name, part("a", "x", "a"), dockerfile), None),
            "a bad name": (form(part("name", "../names/base"), dockerfile), None), "the host's": (form(part("name", "host"), dockerfile), None),
            "a bad size": (form(name, dockerfile, part("size_mb", "-1")), None), "a bad cpu": (form(name, dockerfile, part("cpu", "many")), None),
            "a bad memory": (form(name, dockerfile, part("memory_mb", "1e9")), None),
            "the same file twice": (form(name, dockerfile, part("a", "x", "a"), part("a", "y", "a")), None),
            "a file below a file": (form(name, dockerfile, part("a", "x", "a"), part("a/b", "y", "b")), None),
            "a tar and files": (form(name, dockerfile, part("a", "x", "a"), part("context", "y", "c", "application/x-tar")), None),
        }
        for path in ("../a", "/etc/passwd", "a/../../b", "a//b", "./a", "a/", "a\\b"):
            bad["the path " + path] = (form(name, dockerfile, part(path, "x", "x")), None)
        for what, (body, kind) in bad.items():
            answer = self.send(body, kind=kind) if kind else self.send(body)
            self.assertEqual(answer.status, 429 if what == "huge headers" else 400, (what, answer))
            self.assertTrue(answer.json()["error"], what)
        for taken in ("base", "code-interpreter", "builds"):
            self.assertEqual(self.send(form(part("name", taken), dockerfile)).status, 409, taken)
        for unsupported in (part("image_ref", "debian:12"), part("kernel", "x")):
            self.assertEqual(self.send(form(name, unsupported)).status, 501)
        for path in ("", "?name=", "?name=../x", "?name=host"):
            self.assertEqual(self.client.request("POST", "/v1/templates/import" + path, b"x").status, 400, path)
        self.assertEqual(self.client.request("POST", "/v1/templates/import?name=empty", b"").status, 400)
        self.assertNotIn("bad", [one["name"] for one in self.client.expect(200, "GET", "/v1/templates/builds")["items"]])
        # And none of them keeps a place.
        self.assertEqual(self.wait(self.client, self.send(whole).json())["status"], "done")
        self.remove("bad")

    def test_who_may(self):
        plain = self.daemon.client()
        self.assertFalse(plain.expect(200, "GET", "/v1/me")["may_build_templates"])
        self.assertTrue(self.client.expect(200, "GET", "/v1/me")["may_build_templates"])
        self.assertEqual(self.send(form(part("name", "x"), part("dockerfile", "FROM scratch\n")), plain).status, 403)
        self.assertEqual(plain.request("POST", "/v1/templates/import?name=x", b"x").status, 403)
        self.assertEqual(self.send(b"", service.Client(self.daemon.address)).status, 401)
        bad = self.client.request("POST", "/v1/templates/import?name=x&image=" + "%FF" * 101, b"x")
        self.assertEqual((bad.status, "UTF-8" in bad.body.decode()), (400, True), bad)
        bound = self.builder("bound", templates=["host", "mine"])
        build = self.ended("mine", "FROM small\n", client=bound)
        self.assertEqual(build["status"], "failed", build)

    def test_quotas(self):
        client = self.builder("many")
        scratch = "FROM scratch\nCOPY a /a\n"
        for i in range(5):
            self.assertEqual(self.ended("q%d" % i, scratch, part("a", str(i), "a"), client=client)["status"], "done")
        self.assertEqual(self.send(form(part("name", "q5"), part("dockerfile", scratch), part("a", "5", "a")), client).status, 429)
        self.assertEqual(self.ended("q4", scratch, part("a", "again", "a"), client=client)["status"], "done")
        self.assertEqual(client.request("POST", "/v1/templates/import?name=q4", bytes(UPLOAD_MOST + 1)).status, 429)
        self.assertEqual(self.send(form(part("name", "q4"), part("rootfs", bytes(UPLOAD_MOST + 1), "r")), client).status, 429)
        for i in range(5):
            self.remove("q%d" % i, client)

    def test_cancelled_midway_leaves_nothing(self):
        build = self.build("cancelled", "FROM small\nRUN echo started; sleep 1000\n")
        waiting = self.build("waiting", "FROM small\nRUN echo never\n")
        self.assertEqual(self.send(form(part("name", "third"), part("dockerfile", "FROM scratch\n"))).status, 429)
        self.wait_line(build, "started")
        self.assertEqual(self.client.expect(200, "GET", "/v1/templates/builds/" + waiting["id"])["status"], "queued")
        for one in (waiting, build):
            self.client.expect(204, "DELETE", "/v1/templates/builds/" + one["id"])
            ended = self.wait(self.client, one)
            self.assertEqual((ended["status"], ended["error"]), ("failed", "it was cancelled"))
        self.assertTrue(wait_until(lambda: not self.unfinished()), self.unfinished())
        self.assertTrue(wait_until(lambda: not descendants(self.builder_pid())))
        self.assertFalse({"cancelled", "waiting"} & set(self.names()))

    def test_a_builder_that_dies_midway(self):
        build = self.build("orphan", "FROM small\nRUN echo started; sleep 1000\n")
        self.wait_line(build, "started")
        old = self.builder_pid()
        kill(old)
        ended = self.wait(self.client, build)
        self.assertEqual(ended["status"], "failed")
        self.assertIn("try again", ended["error"])
        self.assertEqual(self.ended("orphan", "FROM small\nRUN echo well\n")["status"], "done")
        self.assertNotEqual(self.builder_pid(), old)
        self.assertTrue(wait_until(lambda: not self.unfinished()), self.unfinished())
        self.remove("orphan")

    def test_a_daemon_that_dies_midway(self):
        build = self.build("lost", "FROM small\nRUN echo started; sleep 1000\n")
        self.wait_line(build, "started")
        old = self.daemon.pid
        kill(old)
        self.assertTrue(wait_until(lambda: self.daemon.pid not in (None, old)))
        self.daemon.wait_serving()
        self.assertEqual(self.client.get("/v1/templates/builds/" + build["id"]).status, 404)
        self.assertEqual(self.ended("lost", "FROM small\nRUN echo well\n")["status"], "done")
        self.assertTrue(wait_until(lambda: not self.unfinished()), self.unfinished())
        self.remove("lost")

    def test_a_key_that_is_revoked_midway(self):
        owner = self.daemon.owner()
        base = self.send(form(part("name", "everybodys"), part("rootfs", self.root_tar, "rootfs.tar")), owner).json()
        self.assertEqual(self.wait(owner, base)["status"], "done")
        made = self.daemon.make_key(label="short", may_build_templates=True)
        client = self.daemon.client(made["key"])
        build = self.build("revoked", "FROM everybodys\nRUN echo started; sleep 1000\n", client=client)
        self.wait_line(build, "started", client)
        self.assertTrue(descendants(self.builder_pid()))
        owner.expect(204, "DELETE", "/v1/keys/" + made["id"])
        self.assertEqual(client.get("/v1/templates/builds").status, 401)
        self.assertTrue(wait_until(lambda: not descendants(self.builder_pid())))  # long before its end
        self.assertTrue(wait_until(lambda: not self.unfinished()), self.unfinished())
        self.assertNotIn("revoked", self.names())
        for name, data, _ in owner.events("GET", "/v1/events?from=oldest"):
            if name == "template.build_failed" and data["data"]["template"] == "revoked":
                self.assertEqual((data["key_id"], data["data"]["detail"]), (made["id"], "it was cancelled"))
                break
        self.remove("everybodys", owner)

    def test_it_is_in_the_journal(self):
        self.assertEqual(self.ended("noted", "FROM scratch\nCOPY a /a\n", part("a", "x", "a"))["status"], "done")
        self.remove("noted")
        seen = []
        for name, data, _ in self.client.events("GET", "/v1/events?from=oldest"):
            if name.startswith("template.") and data["data"]["template"] == "noted":
                seen.append(name)
            if len(seen) == 2:
                break
        self.assertEqual(seen, ["template.built", "template.removed"])


class Builder(unittest.TestCase):
    """The process that makes templates, with a daemon that has been taken over: us."""

    def setUp(self):
        have_to_be_root()
        self.scratch = tempfile.mkdtemp(prefix="brig-builder-")
        self.addCleanup(shutil.rmtree, self.scratch, ignore_errors=True)
        self.orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.orders.close)
        self.orders.settimeout(service.PATIENCE)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel's least: a few messages
        words = [service.BRIG, "template", "serve", "--templates-dir", os.path.join(self.scratch, "t"), "--at-once", "1", "--input", "10M", "--time", "10m"]
        with theirs:
            self.builder = subprocess.Popen(words, pass_fds=[3], preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        self.addCleanup(self.builder.wait)
        self.addCleanup(self.builder.kill)

    def order(self, kind, *files, **more):
        order = {"kind": kind, "id": "b1", "name": "mine", "owner": "key1", "templates": [], "image": "", "limits": {}, "time_ms": 600000, "room": 1 << 20, **more}
        socket.send_fds(self.orders, [json.dumps(order).encode()], files)

    def news(self):
        return json.loads(self.orders.recv(1 << 16))

    def test_an_order_that_cannot_be_read(self):
        self.orders.send(b"{")
        self.orders.send(b"\xff")
        self.order("build", id="b2", name="../x")
        answer = self.news()
        self.assertEqual((answer["id"], answer["kind"]), ("b2", "failed"))
        self.order("import", id="b3", image="x" * 301)
        answer = self.news()
        self.assertEqual((answer["id"], answer["kind"]), ("b3", "failed"))
        self.order("remove", id="b4")
        answer = self.news()
        self.assertEqual((answer["id"], answer["kind"]), ("b4", "failed"))
        self.assertIn("no template", answer["text"])
        self.assertIsNone(self.builder.poll())

    def test_a_daemon_that_does_not_listen(self):
        context, dockerfile = os.path.join(self.scratch, "tar"), os.path.join(self.scratch, "Dockerfile")
        with open(context, "wb") as file:
            file.write(tar_of(("a", b"x", "", 0o644)))
        with open(dockerfile, "w") as file:
            file.write("FROM scratch\n" + "COPY a /a\n" * 50)
        with open(context) as one, open(dockerfile) as two:
            self.order("build", one.fileno(), two.fileno(), time_ms=1000)
        self.assertEqual(self.news()["kind"], "begun")
        child = wait_until(lambda: children(self.builder.pid))[0]
        for i in range(30):
            self.order("remove", id="r%d" % i)  # the answers fill the way back
        self.assertTrue(wait_until(lambda: not is_alive(child)), "a build outlives its time")
        answers = []
        while len(answers) < 31:
            answer = self.news()
            if answer["kind"] == "failed":
                answers.append(answer)
        self.assertEqual([one["id"] for one in answers if "longer" in one["text"]], ["b1"])


if __name__ == "__main__":
    unittest.main()
