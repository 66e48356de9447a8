#!/usr/bin/python3
"""The daemon behind TLS, with a key that only root can read."""
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import unittest

import service
from service import BRIG, PATIENCE


def make_certificate(folder, name):
    """A certificate that is its own authority, for 127.0.0.1."""
    certificate, key = os.path.join(folder, name + ".crt"), os.path.join(folder, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=" + name,
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    os.chmod(key, 0o600)
    return certificate, key


class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="brig-tls-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.certificate, key = make_certificate(cls.folder, "ours")
        cls.stranger, cls.strangers_key = make_certificate(cls.folder, "strangers")
        cls.daemon = service.Daemon("--tls-cert", cls.certificate, "--tls-key", key)
        cls.addClassCleanup(cls.daemon.close)
        cls.url = "https://%s:%d" % cls.daemon.address

    def brig(self, *words, authority):
        environment = {**os.environ, "BRIG_API_URL": self.url, "BRIG_API_KEY": self.daemon.key, "SSL_CERT_FILE": authority}
        return subprocess.run([BRIG, "sandbox", *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)

    def test_a_sandbox_from_the_command_line(self):
        created = self.brig("create", authority=self.certificate)
        self.assertEqual(created.returncode, 0, created.stderr)
        sandbox = created.stdout.strip()
        done = self.brig("exec", sandbox, "--", "sh", "-c", "seq 200000; exit 3", authority=self.certificate)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(done.stdout, "".join("%d\n" % number for number in range(1, 200001)))
        self.assertEqual(self.brig("kill", sandbox, authority=self.certificate).returncode, 0)

    def test_an_authority_that_is_not_believed(self):
        refused = self.brig("ls", authority=self.stranger)
        self.assertEqual(refused.returncode, 125)
        self.assertIn("certificate verify failed", refused.stderr)

    def test_old_versions_are_refused(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.certificate)
        with socket.create_connection(self.daemon.address, PATIENCE) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            self.assertIn(secure.version(), ("TLSv1.2", "TLSv1.3"))
        with self.assertWarns(DeprecationWarning):
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.set_ciphers("ALL:@SECLEVEL=0")
        with socket.create_connection(self.daemon.address, PATIENCE) as plain, self.assertRaises(ssl.SSLError):
            context.wrap_socket(plain, server_hostname="127.0.0.1")

    def test_a_request_in_the_clear_learns_nothing(self):
        with socket.create_connection(self.daemon.address, PATIENCE) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            answer = b""
            try:
                while piece := plain.recv(4096):
                    answer += piece
            except ConnectionResetError:
                pass
        self.assertNotIn(b"HTTP/1.1", answer)

    def test_who_says_nothing_is_let_go(self):
        with socket.create_connection(self.daemon.address, PATIENCE) as plain:
            self.assertEqual(plain.recv(1), b"", "the handshake has no deadline")

    def test_the_owners_socket_is_as_ever(self):
        self.assertEqual(self.daemon.owner().get("/v1/keys").status, 200)


class Mistakes(unittest.TestCase):
    def test_a_key_of_another_certificate(self):
        with tempfile.TemporaryDirectory() as folder:
            certificate, _ = make_certificate(folder, "one")
            _, key = make_certificate(folder, "two")
            done = subprocess.run([BRIG, "serve", "--state-dir", folder + "/state", "--listen", "127.0.0.1:0", "--tls-cert", certificate, "--tls-key", key],
                                  capture_output=True, text=True, timeout=PATIENCE)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("key", done.stderr)
            self.assertIn(key, done.stderr)


if __name__ == "__main__":
    unittest.main()
