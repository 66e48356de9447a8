#!/usr/bin/python3
"""E2B's front door behind TLS, as its clients want it: the API at api.DOMAIN, and what is inside a sandbox at {port}-{id}.DOMAIN.

In a network namespace of its own: there an address that is not the machine's loopback is the test's to give, and a client that comes from it is a
stranger's, to whom only the daemon's own domains mean ports. Names are resolved here and in a preloaded file of Node's; the certificate is checked
against them as ever.
"""
import ctypes
import fcntl
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import service
from service import PATIENCE

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "node"))
import suite  # noqa: E402  (its folder was not on the path)

CLONE_NEWNET = 0x40000000
DOMAIN, PORT = "brig.test", 2744
NEAR, FAR = "127.0.0.1", "10.86.0.1"  # this machine to itself, and as another one would be
ENVD, INTERPRETER = 49983, 49999


def enter_network():
    """One of our own, in which both addresses are. Why not, if there can be none."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        return "no network namespace can be made: " + os.strerror(ctypes.get_errno())
    set_address, set_flags, up = 0x8916, 0x8914, 0x1  # SIOCSIFADDR, SIOCSIFFLAGS, IFF_UP
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", up))
        fcntl.ioctl(any_socket, set_address, struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(FAR)))
    return None


def make_certificate(folder):
    """Its own authority, for every name of one label below the domain."""
    certificate, key = os.path.join(folder, "tls.crt"), os.path.join(folder, "tls.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=" + DOMAIN,
                    "-addext", "subjectAltName=DNS:*." + DOMAIN, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return certificate, key


def envelope(message):
    text = json.dumps(message).encode()
    return struct.pack(">BI", 0, len(text)) + text


def messages(body):
    """Of a stream: (flags, message)."""
    found = []
    while body:
        flags, size = struct.unpack(">BI", body[:5])
        found.append((flags, json.loads(body[5:5 + size])))
        body = body[5 + size:]
    return found


def signed(path, token, access="read"):
    """The query of an address as E2B's clients sign it."""
    digest = hashlib.sha256(("%s:%s::%s" % (path, access, token)).encode()).digest()
    return urllib.parse.urlencode({"path": path, "signature": "v1_" + service.base64.b64encode(digest).decode().rstrip("=")})


@unittest.skipUnless(os.geteuid() == 0, service.NEEDS_ROOT)
class Domain(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.packages, cls.why_no_packages = None, suite.missing_program()
        if not cls.why_no_packages:
            try:
                cls.packages = suite.prepare("e2b_tls", suite.SOURCE / "tests/e2b")  # before the registry is out of reach
            except suite.Unreachable as why:
                cls.why_no_packages = str(why)
        if why_not := enter_network():
            raise unittest.SkipTest(why_not)
        folder = tempfile.mkdtemp(prefix="brig-tls-")
        cls.addClassCleanup(shutil.rmtree, folder)
        cls.certificate, key = make_certificate(folder)
        cls.tls = ssl.create_default_context(cafile=cls.certificate)
        flags = ("--tls-cert", cls.certificate, "--tls-key", key, "--tls-domain", "%s:%d" % (DOMAIN, PORT), "--listen", "%s:%d" % (FAR, PORT))
        cls.daemon = service.Daemon(*flags, is_started=False)
        cls.addClassCleanup(cls.daemon.close)
        cls.daemon.address = (NEAR, PORT)
        cls.daemon.start()
        cls.key = cls.daemon.key.replace("brig_", "e2b_", 1)
        cls.box, cls.other = cls.create(), cls.create()

    @classmethod
    def connect(cls, name, address=FAR):
        """The certificate must be that of `name`."""
        plain = socket.create_connection((address, PORT), PATIENCE)
        try:
            return cls.tls.wrap_socket(plain, server_hostname=name)
        except BaseException:
            plain.close()
            raise

    @classmethod
    def begin(cls, name, path, body, headers, address=FAR):
        """A POST whose answer has begun: the connection and the answer, whose body is not read yet."""
        connection = http.client.HTTPConnection(name, PORT, timeout=PATIENCE)
        connection.sock = cls.connect(name, address)
        connection.request("POST", path, body, headers)
        return connection, connection.getresponse()

    @classmethod
    def ask(cls, name, method, path, body=None, headers=(), address=FAR, says=None):
        """A request to https://name/path; `says` is the host that its head names, if that is another one."""
        connection = http.client.HTTPConnection(says or name, PORT, timeout=PATIENCE)
        connection.sock = cls.connect(name, address)
        try:
            json_ = {"Content-Type": "application/json"} if isinstance(body, (dict, list)) else {}
            connection.request(method, path, json.dumps(body) if json_ else body, {**json_, **dict(headers)})
            response = connection.getresponse()
            return service.Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    @classmethod
    def create(cls, **body):
        made = cls.ask("api." + DOMAIN, "POST", "/v2/sandboxes", {"templateID": "base", **body}, {"X-API-Key": cls.key})
        assert made.status == 201, made
        return made.json()

    def at(self, port, box=None):
        return "%s-%s.%s" % (port, (box or self.box)["sandboxID"], DOMAIN)

    def token(self, box=None):
        return {"X-Access-Token": (box or self.box)["envdAccessToken"]}

    def run_command(self, command, box=None, token=None):
        head = {"Content-Type": "application/connect+json", "Connect-Protocol-Version": "1", "Connect-Timeout-Ms": "60000", **(token or self.token(box))}
        start = {"process": {"cmd": "/bin/sh", "args": ["-c", command]}, "stdin": False}
        return self.ask(self.at(ENVD, box), "POST", "/process.Process/Start", envelope(start), head)

    def serve(self, port, box=None):
        """A server inside, in the background, that listens."""
        ran = self.run_command("cd /usr/share && setsid python3 -m http.server --bind 127.0.0.1 %d >/dev/null 2>&1 & "
                               "until grep -q ':%04X .* 0A ' /proc/net/tcp; do sleep 0.05; done" % (port, port), box)
        self.assertEqual(messages(ran.body)[-1], (2, {}), ran)

    def test_the_domain_is_told(self):
        domain = "%s:%d" % (DOMAIN, PORT)
        self.assertEqual(self.box["domain"], domain)
        api, key = "api." + DOMAIN, {"X-API-Key": self.key}
        self.assertEqual(self.ask(api, "POST", "/v2/sandboxes/%s/connect" % self.box["sandboxID"], {}, key).json()["domain"], domain)
        self.assertEqual(self.ask(api, "GET", "/sandboxes/" + self.box["sandboxID"], headers=key).json()["domain"], domain)
        self.assertEqual(self.ask(api, "GET", "/v2/sandboxes").status, 401)

    def test_the_agent(self):
        self.assertEqual(self.ask(self.at(ENVD), "GET", "/health").status, 204)
        stored = self.ask(self.at(ENVD), "POST", "/files?path=a.txt", b"stored", {"Content-Type": "application/octet-stream", **self.token()})
        self.assertEqual((stored.status, stored.json()[0]["path"]), (200, "/home/user/a.txt"))
        self.assertEqual(self.ask(self.at(ENVD), "GET", "/files?path=a.txt", headers=self.token()).body, b"stored")
        self.assertEqual(self.ask(self.at(ENVD), "GET", "/files?" + signed("a.txt", self.box["envdAccessToken"])).body, b"stored")
        events = [message["event"] for _, message in messages(self.run_command("cat a.txt").body)[:-1]]
        self.assertEqual(events[1]["data"], {"stdout": service.base64.b64encode(b"stored").decode()})

    def test_the_interpreter(self):
        name = self.at(INTERPRETER)
        self.assertEqual([context["language"] for context in self.ask(name, "GET", "/contexts").json()], ["python", "javascript"])
        lines = [json.loads(line) for line in self.ask(name, "POST", "/execute", {"code": "6 * 7"}, self.token()).body.splitlines()]
        self.assertEqual([line["text"] for line in lines if line["type"] == "result"], ["42"])

    def test_a_port_of_the_users(self):
        self.serve(8000)
        answer = self.ask(self.at(8000), "GET", "/")
        self.assertEqual(answer.status, 200)
        self.assertIn(b"Directory listing", answer.body)
        closed = self.ask(self.at(8001), "GET", "/")
        self.assertEqual((closed.status, closed.json()["port"]), (502, 8001))

    def test_ports_that_are_not_public(self):
        private = self.create(network={"allowPublicTraffic": False})
        other = self.create(network={"allowPublicTraffic": False})
        self.serve(8000, private)
        for token, status in ((None, 403), (other["trafficAccessToken"], 403), (private["trafficAccessToken"], 200)):
            answer = self.ask(self.at(8000, private), "GET", "/", headers={"E2b-Traffic-Access-Token": token} if token else {})
            self.assertEqual(answer.status, status, token)

    def test_the_name_of_another_sandbox(self):
        self.assertNotEqual(self.box["envdAccessToken"], self.other["envdAccessToken"])
        mine = self.token()
        self.assertEqual(self.ask(self.at(ENVD, self.other), "GET", "/files?path=/etc/passwd", headers=mine).status, 401)
        self.assertEqual(self.ask(self.at(ENVD, self.other), "GET", "/files?" + signed("/etc/passwd", self.box["envdAccessToken"])).status, 401)
        self.assertEqual(self.ask(self.at(ENVD, self.other), "POST", "/filesystem.Filesystem/Stat", {"path": "/"}, mine).status, 401)
        self.assertEqual(self.run_command("true", self.other, mine).status, 401)
        self.assertEqual(self.ask(self.at(INTERPRETER, self.other), "POST", "/execute", {"code": "1"}, mine).status, 401)
        # The name that was connected to says nothing, the name in the request does.
        for says, status in ((self.at(ENVD), 200), (self.at(ENVD, self.other), 401)):
            answer = self.ask(self.at(ENVD, self.other), "GET", "/files?path=/etc/passwd", headers=mine, says=says)
            self.assertEqual(answer.status, status, says)

    def test_what_is_cut_on_purpose_is_no_failure(self):
        box = self.create()
        start = {"Content-Type": "application/connect+json", "Connect-Protocol-Version": "1", **self.token(box)}
        command = envelope({"process": {"cmd": "sleep", "args": ["1000"]}, "stdin": False})
        cell, json_ = b'{"code": "print(1, flush=True); import time; time.sleep(1000)"}', {"Content-Type": "application/json", **self.token(box)}

        def streams():
            return [self.begin(self.at(ENVD, box), "/process.Process/Start", command, start), self.begin(self.at(INTERPRETER, box), "/execute", cell, json_)]
        for connection, answer in streams():  # the client goes
            self.assertTrue(answer.read1(1))
            answer.close()
            connection.close()
        cut = streams()
        for _, answer in cut:
            self.assertTrue(answer.read1(1))
        self.assertEqual(self.ask("api." + DOMAIN, "DELETE", "/sandboxes/" + box["sandboxID"], headers={"X-API-Key": self.key}).status, 204)
        for connection, answer in cut:  # the sandbox goes: there is no end, only no more
            with self.assertRaises((http.client.IncompleteRead, ssl.SSLError, ConnectionError)):
                answer.read()
            answer.close()
            connection.close()
        for port, path in ((ENVD, "/health"), (INTERPRETER, "/contexts")):
            self.assertEqual(self.ask(self.at(port, box), "GET", path).status, 502)
        self.assertNotIn(b"request.failed", self.daemon.log())

    def test_names_that_are_none(self):
        sandbox, gone = self.box["sandboxID"], self.create()
        self.assertEqual(self.ask("api." + DOMAIN, "DELETE", "/sandboxes/" + gone["sandboxID"], headers={"X-API-Key": self.key}).status, 204)
        for port in (ENVD, INTERPRETER):
            answer = self.ask(self.at(port, gone), "GET", "/health")
            self.assertEqual((answer.status, answer.json()["sandboxId"]), (502, gone["sandboxID"]))
        for label in ("x-" + sandbox, "0-" + sandbox, "049983-" + sandbox, "65536-" + sandbox, sandbox, "49983-%s-x" % sandbox, "49983"):
            answer = self.ask("%s.%s" % (label, DOMAIN), "GET", "/files?path=/etc/passwd", headers=self.token())
            self.assertEqual(answer.status, 404, label)

    def test_below_another_domain_a_stranger_finds_nothing(self):
        for domain in ("elsewhere.test", "x." + DOMAIN, DOMAIN + ".elsewhere.test", "x" + DOMAIN):
            name = "%d-%s.%s" % (ENVD, self.box["sandboxID"], domain)
            with self.assertRaises(ssl.SSLCertVerificationError):
                self.connect(name).close()
            answer = self.ask("api." + DOMAIN, "GET", "/files?path=/etc/passwd", headers=self.token(), says=name)
            self.assertEqual(answer.status, 404, name)
        # From this machine any will do, as docs/ports.md says.
        near = self.ask("api." + DOMAIN, "GET", "/files?path=/etc/passwd", headers=self.token(), address=NEAR, says=name)
        self.assertEqual(near.status, 200)

    def test_the_published_clients(self):
        if self.why_no_packages:
            self.skipTest(self.why_no_packages)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("E2B_")}
        environment.update(E2B_DOMAIN="%s:%d" % (DOMAIN, PORT), E2B_API_KEY=self.key, NODE_EXTRA_CA_CERTS=self.certificate, BRIG_DOMAIN=DOMAIN, BRIG_ADDRESS=FAR)
        ran = subprocess.run(["npm", "run", "--silent", "domain"], cwd=self.packages, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
        self.assertEqual(ran.returncode, 0, ran.stdout + ran.stderr)
        self.assertIn("# pass 5", ran.stdout)


if __name__ == "__main__":
    unittest.main()
