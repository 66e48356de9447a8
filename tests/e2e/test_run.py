#!/usr/bin/python3
"""brig run from its command line, in real sandboxes: what a user meets, and what a user does wrong."""
import base64
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import termios
import time
import unittest

BRIG = os.environ.get("BRIG", os.path.join(os.path.dirname(__file__), "../../build/dev/bin/brig"))
HAS_NODE = os.path.exists("/usr/bin/node")
HAS_MATPLOTLIB = subprocess.run(["/usr/bin/python3", "-c", "import matplotlib"], capture_output=True).returncode == 0


def flags_short(flags, name):
    """The spelling of a flag that a usage line shows: the first of its names."""
    return next(names.split(",")[0] for names in flags if name in names.split(","))


class Ran:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")

    def json(self):
        return json.loads(self.out)


@unittest.skipUnless(os.geteuid() == 0, "needs root: makes sandboxes as the installed program does")
class RunCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="brig-e2e-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def run_brig(self, *arguments, stdin=b"", **options):
        options.setdefault("stdout", subprocess.PIPE)
        options.setdefault("stderr", subprocess.PIPE)
        if "stdin_file" in options:
            options["stdin"] = options.pop("stdin_file")
        else:
            options["input"] = stdin
        done = subprocess.run([BRIG, "run", *arguments], cwd=self.folder, timeout=60, **options)
        done.stdout, done.stderr = done.stdout or b"", done.stderr or b""
        return Ran(done)

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return path

    def assert_usage_error(self, ran, *words):
        """Exit 2, one paragraph on stderr that has the words, nothing on stdout."""
        self.assertEqual(ran.code, 2, ran.err)
        self.assertEqual(ran.out, "")
        self.assertEqual(ran.err.count("\n"), 1, ran.err)
        self.assertTrue(ran.err.startswith("brig: "), ran.err)
        for word in words:
            self.assertIn(word, ran.err)


class Programs(RunCase):
    def test_code(self):
        ran = self.run_brig("-c", "print(6*7)")
        self.assertEqual((ran.code, ran.out, ran.err), (0, "42\n", ""))

    def test_under_sudo(self):
        # Whose default is that nothing may leave a core file.
        done = subprocess.run(["/bin/sh", "-c", 'ulimit -c 0; "$0" run -c "print(6*7)"', BRIG], capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, b"42\n"), done.stderr)

    def test_code_that_looks_like_a_flag(self):
        self.assertEqual(self.run_brig("-c", "-1").code, 0)

    def test_file_with_arguments(self):
        self.write("show.py", "import sys, os\nprint(sys.argv, os.getcwd(), __file__)\n")
        ran = self.run_brig("show.py", "--", "a", "--flag", "--")
        self.assertEqual(ran.out, "['/workspace/show.py', 'a', '--flag', '--'] /workspace /workspace/show.py\n")

    def test_a_file_of_a_folder_given_with_in_runs_beside_its_neighbours(self):
        os.mkdir(os.path.join(self.folder, "proj"))
        self.write("proj/lib.py", "value = 7\n")
        self.write("proj/main.py", "import lib, os, sys\nprint(lib.value, sys.argv, os.getcwd(), sys.path[0])\n")
        self.write("proj/lib.sh", "hi() { echo hi; }\n")
        self.write("proj/main.sh", '. "$(dirname "$0")/lib.sh"; hi; pwd\n')
        ran = self.run_brig("--json", "--in", "proj", "proj/main.py", "--", "x")
        self.assertEqual(ran.json()["stdout"], "7 ['/workspace/proj/main.py', 'x'] /workspace /workspace/proj\n")
        self.assertEqual(ran.json()["files"], [])
        self.assertEqual(self.run_brig("--in", "proj:/data", "proj/main.sh").out, "hi\n/workspace\n")
        if HAS_NODE:
            self.write("proj/lib.js", "exports.value = 7\n")
            self.write("proj/main.js", "console.log(require('./lib').value, process.cwd())\n")
            ran = self.run_brig("--memory", "512M", "--in", self.folder + "/./proj", "proj/main.js")
            self.assertEqual(ran.out, "7 /workspace\n")

    def test_a_file_that_a_folder_given_with_in_does_not_show_runs_alone(self):
        os.mkdir(os.path.join(self.folder, "proj"))
        self.write("outside.py", "print(__file__)\n")
        os.symlink("../outside.py", os.path.join(self.folder, "proj/link.py"))  # inside, it leads nowhere
        self.assertEqual(self.run_brig("--in", "proj", "proj/link.py").out, "/workspace/link.py\n")
        self.assertEqual(self.run_brig("--in", "proj", "outside.py").out, "/workspace/outside.py\n")

    def test_code_from_stdin(self):
        ran = self.run_brig("-", stdin=b"import sys; print(repr(sys.stdin.read()))")
        self.assertEqual((ran.code, ran.out), (0, "''\n"))

    def test_code_from_a_pipe(self):
        read, write = os.pipe()
        os.write(write, b"print('piped')")
        os.close(write)
        ran = self.run_brig("/dev/fd/%d" % read, pass_fds=[read])
        os.close(read)
        self.assertEqual((ran.code, ran.out), (0, "piped\n"))

    def test_bash(self):
        ran = self.run_brig("--lang", "bash", "-c", "id -un; echo $0 $HOME; pwd; exit 7")
        self.assertEqual((ran.code, ran.out), (7, "user\n/tmp/.brig/main.sh /home/user\n/workspace\n"))

    @unittest.skipUnless(HAS_NODE, "needs node (nodejs)")
    def test_javascript(self):
        self.write("app.js", "console.log(1 + 1, process.argv.slice(2))")
        self.assertEqual(self.run_brig("--memory", "512M", "app.js", "--", "x").out, "2 [ 'x' ]\n")

    @unittest.skipUnless(os.path.exists("/usr/bin/Rscript"), "needs R (r-base-core)")
    def test_r(self):
        self.write("sums.R", "x <- 20\nx + 22\ncat(commandArgs(TRUE), length(list.files('/etc/R', 'site')))")  # what the administrator wrote stays out
        self.assertEqual(self.run_brig("sums.R", "--", "x").out, "[1] 42\nx 0")

    def test_any_program(self):
        self.assertEqual(self.run_brig("--", "echo", "-n", "--", "hi").out, "-- hi")

    def test_a_program_that_is_not_there_ends_as_in_a_shell(self):
        ran = self.run_brig("--", "no-such-program")
        self.assertEqual(ran.code, 127)
        self.assertIn('no program "no-such-program"', ran.err)

    def test_language_by_first_line(self):
        self.write("tool", "#!/bin/bash\necho ${BASH_VERSION%%.*} | grep -c .\n")
        self.assertEqual(self.run_brig("tool").out, "1\n")

    def test_environment(self):
        os.environ["BRIG_E2E_SECRET"] = "secret"
        ran = self.run_brig("--env", "A=b=c", "--", "env")
        self.assertIn("A=b=c\n", ran.out)
        self.assertNotIn("secret", ran.out)

    def test_traceback_starts_in_the_program(self):
        self.write("fail.py", "def f():\n    1 / 0\nf()\n")
        ran = self.run_brig("fail.py")
        self.assertEqual(ran.code, 1)
        self.assertTrue(ran.err.startswith('Traceback (most recent call last):\n  File "/workspace/fail.py", line 3'), ran.err)


class Input(RunCase):
    def test_stdin_is_passed(self):
        self.assertEqual(self.run_brig("--", "cat", stdin=b"hello").out, "hello")

    def test_much_stdin_is_passed(self):
        self.assertEqual(self.run_brig("--", "wc", "-c", stdin=b"x" * 3_000_000).out, "3000000\n")

    def test_stdin_that_nobody_reads(self):
        self.assertEqual(self.run_brig("--", "true", stdin=b"x" * 3_000_000).code, 0)

    def test_stdin_from_a_file(self):
        self.write("in.txt", "from a file")
        self.assertEqual(self.run_brig("--stdin", "in.txt", "--", "cat").out, "from a file")

    def test_closed_stdin(self):
        done = subprocess.run(["/bin/sh", "-c", '"$0" run -- cat <&-', BRIG], capture_output=True, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (0, b""))

    def test_stdin_stays_blocking(self):
        read, write = os.pipe()
        os.write(write, b"x")
        self.run_brig("--", "head", "-c1", stdin_file=read)
        self.assertTrue(os.get_blocking(read))
        os.close(read)
        os.close(write)

    def test_in(self):
        self.write("data.csv", "a,b\n")
        ran = self.run_brig("--in", "data.csv", "--lang", "bash", "-c", "cat data.csv; echo x > data.csv || echo kept")
        self.assertEqual(ran.out, "a,b\nkept\n")


class Terminal(RunCase):
    def session(self, *arguments, typed=b"", soon=None, later=b""):
        """Types before the program is there, Ctrl-C `soon` seconds after its start, and `later` when the first output came; returns
        the exit code and all output."""
        master, slave = pty.openpty()
        os.write(master, typed)
        process = subprocess.Popen([BRIG, "run", *arguments], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                   preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)
        self.addCleanup(os.close, master)
        os.set_blocking(master, False)
        if soon is not None:
            time.sleep(soon)
            os.write(master, b"\x03")
        text = b""
        deadline = time.monotonic() + 30
        is_over = False
        while not is_over:
            is_over = process.poll() is not None  # and then once more, for its last words
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
                self.fail("it hangs; so far: %r" % text[-200:])
            select.select([master], [], [], 0.01)
            with contextlib.suppress(OSError):  # nothing there, or the other end is closed
                text += os.read(master, 65536)
                if later and b"up" in text:
                    os.write(master, later)
                    later = b""
        return process.returncode, text

    def test_type_ahead_is_the_programs_input(self):
        code, text = self.session("--", "bash", typed=b"echo one\n" + b"echo $((6 * 7))\nexit 3\n")
        self.assertEqual(code, 3)
        self.assertIn(b"\n42\r\n", text)

    def test_end_of_file_is_passed(self):
        self.assertEqual(self.session("--", "cat", typed=b"some\n\x04")[0], 0)

    def test_control_c_that_throws_type_ahead_away(self):
        # The terminal announces lines, and Ctrl-C takes them back: a read that waits for them would never see the signal.
        for _ in range(20):
            code, _ = self.session("--", "bash", "-c", "echo up; exec cat", typed=b"x\n" * 1500, later=b"\x03")
            self.assertIn(code, (130, -signal.SIGINT))

    def test_control_c_while_the_sandbox_is_made(self):
        for i in range(100):
            code, text = self.session("--", "cat", soon=i % 20 * 0.0005)
            self.assertIn(code, (130, -signal.SIGINT), text)


class Endings(RunCase):
    def status(self, *arguments, **options):
        ran = self.run_brig("--json", *arguments, **options)
        return ran.json()["status"], ran.code, ran.json()

    def test_exit_code_and_signal(self):
        self.assertEqual(self.status("-c", "raise SystemExit(300 % 256)")[:2], ("error", 44))
        status, code, report = self.status("--lang", "bash", "-c", "kill -SEGV $$")
        self.assertEqual((status, code, report["signal"]), ("signal", 139, 11))

    def test_timeout(self):
        status, code, report = self.status("--timeout", "300ms", "-c", "print('so far')\nwhile True: pass")
        self.assertEqual((status, code, report["stdout"]), ("timeout", 124, "so far\n"))

    def test_memory(self):
        status, code, _ = self.status("--memory", "64M", "-c", "x = bytearray(1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1")
        self.assertEqual((status, code), ("memory_limit", 137))

    def test_memory_is_the_verdict_every_time(self):
        # The sandbox ends by itself while it is asked to end: what the host counted must come through all the same.
        self.write("greedy.py", "parts = []\nwhile True: parts.append(bytearray(10_000_000))\n")
        verdicts = [self.run_brig("--memory", "64M", "--json", "greedy.py").json()["status"] for _ in range(15)]
        self.assertEqual(verdicts, ["memory_limit"] * 15)

    def test_disk(self):
        status, _, report = self.status("--disk", "4M", "-c", "open('big', 'wb').write(b'x' * (8 << 20))")
        self.assertEqual((status, report["limits_hit"]), ("error", ["disk"]))
        self.assertEqual(report["error"]["name"], "OSError")

    def test_pids(self):
        status, _, report = self.status("--pids", "8", "--lang", "bash", "-c", "for i in $(seq 20); do sleep 1 & done 2>/dev/null; true")
        self.assertIn("pids", report["limits_hit"])

    def test_much_output_is_bounded(self):
        ran = self.run_brig("--json", "--output", "1K", "-c", "for i in range(20000): print('%06d' % i)")
        report = ran.json()
        self.assertTrue(report["stdout"].startswith("000000\n000001\n"))
        self.assertTrue(report["stdout"].endswith("019999\n"))
        self.assertEqual(report["stdout_elided"], 140000 - 1024)
        self.assertEqual(report["limits_hit"], ["output"])

    def test_much_output_is_bounded_for_a_person_too(self):
        ran = self.run_brig("--output", "1K", "-c", "for i in range(20000): print('%06d' % i)")
        self.assertEqual(len(ran.out), 1024)
        self.assertIn("138976 bytes elided", ran.err)

    def test_what_runs_in_the_background_does_not_hold_the_run(self):
        self.assertEqual(self.status("--lang", "bash", "-c", "sleep 20 & echo done")[0], "ok")

    def test_a_person_is_told(self):
        ran = self.run_brig("--timeout", "200ms", "--", "sleep", "5")
        self.assertEqual(ran.code, 124)
        self.assertIn("brig: the program ended with timeout (200ms; raise it with --timeout 400ms)", ran.err)
        self.assertEqual(self.run_brig("-q", "--timeout", "200ms", "--", "sleep", "5").err, "")

    def test_a_person_is_told_which_flag_raises_a_limit(self):
        fork = "for i in $(seq 20); do sleep 1 & done 2>/dev/null; true"
        for arguments, words in (
            (("--memory", "64M", "-c", "x = bytearray(1 << 30)"), "memory_limit (64M; raise it with --memory 128M)"),
            (("--cpu-time", "1s", "-c", "while True: pass"), "cpu_limit (1s; raise it with --cpu-time 2s)"),
            (("--disk", "4M", "-c", "open('big', 'wb').write(b'x' * (8 << 20))"), "disk (4M; raise it with --disk 8M)"),
            (("--pids", "8", "--lang", "bash", "-c", fork), "pids (8; raise it with --pids 16)"),
            (("--output", "1K", "-c", "print('x' * 2000)"), "output (1K; raise it with --output 2K)"),
        ):
            with self.subTest(arguments):
                self.assertIn(words, self.run_brig(*arguments).err)
        self.write("p.toml", '[limits]\noutput = "1K"\noutput_total = "64K"\n')
        ran = self.run_brig("--policy", "p.toml", "-c", "while True: print('x' * 100)")
        self.assertIn('output_limit (64K; raise it with limits.output_total = "128K" in a --policy file)', ran.err)

    def test_a_person_is_told_that_there_is_no_network(self):
        hint = "brig: this sandbox has no network (network = none)\n"
        code = "import urllib.request; urllib.request.urlopen('http://example.com')"
        self.assertTrue(self.run_brig("-c", code).err.endswith(hint))
        code = "import socket; socket.create_connection(('192.0.2.1', 80))"
        self.assertTrue(self.run_brig("-c", "import sys; print('x' * (3 << 20), file=sys.stderr)\n" + code).err.endswith(hint))
        caught = "try:\n  %s\nexcept OSError as e: print(e, file=__import__('sys').stderr)" % code
        self.assertNotIn(hint, self.run_brig("-c", caught).err)  # the program did not fail
        self.assertNotIn(hint, self.run_brig("-c", "1/0").err)
        self.assertNotIn(hint, self.run_brig("-q", "-c", code).err)

    def test_a_person_is_told_where_modules_come_from(self):
        self.assertIn("the template host has the Python modules of the machine's /usr: apt-get install python3-no_such_module", self.run_brig("-c", "import no_such_module").err)
        os.mkdir(os.path.join(self.folder, "site"))
        self.write("site/no_such_module.py", "print('found')\n")
        ran = self.run_brig("--in", "site", "--env", "PYTHONPATH=/workspace/site", "-c", "import no_such_module")
        self.assertEqual((ran.out, ran.err), ("found\n", ""))

    def test_report_names_the_six_bars(self):
        err = self.run_brig("--report", "--", "true").err
        for word in ("status     ok", "isolation", "time ", "resources", "egress     none", "secrets", "destroy"):
            self.assertIn(word, err)

    def test_json_without_a_run(self):
        ran = self.run_brig("--json", "--require", "hardware", "--", "true")
        self.assertEqual((ran.code, ran.json()["status"]), (125, "failed"))


class Output(RunCase):
    def test_files_are_collected(self):
        ran = self.run_brig("--json", "--out", "results", "-c", """if True:
            import os
            open("a.txt", "w").write("hello")
            os.makedirs("deep/er"); open("deep/er/b", "w").write("b")
            os.symlink("/etc/passwd", "link"); os.mkfifo("pipe"); os.symlink("/", "root")
            open("tool", "w").close(); os.chmod("tool", 0o6777)
            open(b"\\xff", "w").close(); open("new\\nline", "w").close()
            """)
        self.assertEqual(ran.code, 0, ran.err)
        files = {file["path"]: file for file in ran.json()["files"]}
        self.assertEqual({path for path, file in files.items() if "skipped" not in file}, {"a.txt", "deep/er/b", "tool"})
        self.assertEqual(files["link"]["skipped"], "a symbolic link")
        self.assertIn("\\xff", files)
        found = sorted(os.path.relpath(os.path.join(folder, name), self.folder)
                       for folder, _, names in os.walk(os.path.join(self.folder, "results")) for name in names)
        self.assertEqual(found, ["results/a.txt", "results/deep/er/b", "results/tool"])
        self.assertEqual(os.stat(os.path.join(self.folder, "results/tool")).st_mode & 0o7777, 0o755)

    def test_a_sparse_bomb_is_left_out(self):
        code = "for name in 'abc': open(name, 'w').truncate(60 << 20)\nopen('small', 'w').write('x')"
        ran = self.run_brig("--json", "--out", "o", "-c", code)  # 180 MB to look at, and --disk is 100
        files = {file["path"]: file for file in ran.json()["files"]}
        self.assertNotIn("skipped", files["a"])
        self.assertIn("over the limit", files["b"]["skipped"])
        self.assertEqual(sorted(os.listdir(os.path.join(self.folder, "o"))), ["a", "small"])

    def test_neither_inputs_nor_the_program_are_output(self):
        self.write("p.py", "open('made', 'w').write('x')")
        self.write("d.csv", "x")
        ran = self.run_brig("--json", "--in", "d.csv", "p.py")
        self.assertEqual([file["path"] for file in ran.json()["files"]], ["made"])

    @unittest.skipUnless(HAS_MATPLOTLIB, "needs matplotlib (python3-matplotlib)")
    def test_figures(self):
        code = "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show(); plt.plot([3])"
        ran = self.run_brig("--memory", "512M", "-c", code)
        self.assertIn("2 figures were drawn", ran.err)
        ran = self.run_brig("--memory", "512M", "--json", "--out", "o", "-c", code)
        report = ran.json()
        self.assertEqual(report["figures"], ["figure-1.png", "figure-2.png"])
        with open(os.path.join(self.folder, "o/figure-1.png"), "rb") as file:
            self.assertEqual(file.read(), base64.b64decode(report["results"][0]["image/png"]))

    def test_display(self):
        ran = self.run_brig("--json", "-c", "class T:\n  def _repr_html_(self): return '<b>'\ndisplay(T())")
        self.assertEqual((ran.json()["results"][0]["text/html"], ran.json()["stdout"]), ("<b>", ""))
        ran = self.run_brig("-c", "class T:\n  def _repr_html_(self): return '<b>'\n  def __repr__(self): return 'a T'\nfor i in range(3): print(i); display(T())")
        self.assertEqual((ran.out, ran.err), ("0\na T\n1\na T\n2\na T\n", ""))
        ran = self.run_brig("-c", "display({'text/html': '<i>'}, raw=True)")
        self.assertEqual((ran.out, ran.err), ("<i>\n", ""))

    def test_out_that_cannot_be_written(self):
        self.write("file", "")
        for out, words in (("file/x", "a file is in the way"), ("file", "a file is in the way"), ("/proc/brig", "folder")):
            with self.subTest(out):
                ran = self.run_brig("--out", out, "--", "echo", "started")
                self.assertEqual((ran.code, ran.out), (2, ""))
                self.assertRegex(ran.err, r"\Abrig: --out: .*%s.*%s.*\n\Z" % (out, words))
        os.mkdir(os.path.join(self.folder, "mine"), 0o700)
        os.chmod(self.folder, 0o755)
        ran = self.run_brig("--out", "mine", "--", "echo", "started", user=65534, group=65534, extra_groups=[])
        self.assertEqual((ran.code, ran.out), (2, ""))
        self.assertIn("--out: open folder", ran.err)
        self.assertIn("that you may write to", ran.err)

    def test_out_on_a_disk_that_is_full_before_the_start(self):
        full = os.path.join(self.folder, "full")
        os.mkdir(full)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", full], check=True)
        try:
            with open(os.path.join(full, "all"), "wb") as file:
                file.write(b"x" * (64 << 10))
            ran = self.run_brig("--out", full, "--", "echo", "started")
        finally:
            subprocess.run(["umount", full], check=True)
        self.assertEqual((ran.code, ran.out), (2, ""))
        self.assertRegex(ran.err, "--out: .*No space left.*make room")

    def test_out_on_a_full_disk(self):
        full = os.path.join(self.folder, "full")
        os.mkdir(full)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", full], check=True)
        try:
            ran = self.run_brig("--out", full, "-c", "print('done'); open('big', 'wb').write(b'x' * 1000000)")
            left = os.listdir(full)
        finally:
            subprocess.run(["umount", full], check=True)
        self.assertEqual((ran.code, ran.out), (125, "done\n"))
        self.assertRegex(ran.err, "--out.*No space left")
        self.assertEqual(left, [])

    def test_out_on_a_read_only_disk(self):
        fixed = os.path.join(self.folder, "fixed")
        os.mkdir(fixed)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", fixed], check=True)
        try:
            ran = self.run_brig("--out", fixed, "-c", "print('done')")
        finally:
            subprocess.run(["umount", fixed], check=True)
        self.assertEqual((ran.code, ran.out), (2, ""))
        self.assertRegex(ran.err, "--out: .*Read-only.*that can be written")

    def test_stdout_that_nobody_reads(self):
        read, write = os.pipe()
        os.close(read)
        ran = self.run_brig("-c", "for i in range(100000): print(i)", stdout=write)
        os.close(write)
        self.assertEqual((ran.code, ran.err), (141, ""))

    def test_stdout_that_is_full(self):
        with open("/dev/full", "wb") as full:
            ran = self.run_brig("-c", "print(1)", stdout=full)
        self.assertEqual(ran.code, 125)
        self.assertIn("No space left", ran.err)


class Mistakes(RunCase):
    def test_flags(self):
        self.assert_usage_error(self.run_brig("--memroy", "1M", "-c", "1"), '"--memroy"', '"--memory"')
        self.assert_usage_error(self.run_brig("--timeout"), "--timeout")
        self.assert_usage_error(self.run_brig("--memory", "1M", "--memory", "2M", "-c", "1"), "--memory")
        self.assert_usage_error(self.run_brig("-c", "1", "file.py"), "not both")
        self.assert_usage_error(self.run_brig("a.py", "b.py"), '"b.py"', "arguments of the program go after --")
        self.assert_usage_error(self.run_brig("a.py", "--n", "3"), '"--n"', "arguments of the program go after --")
        self.assert_usage_error(self.run_brig(), "nothing to run")

    def test_names(self):
        self.assert_usage_error(self.run_brig("--lang", "pyhton", "-c", "1"), '"python"', "javascript")
        self.assert_usage_error(self.run_brig("--runtime", "proces", "-c", "1") , '"process"')
        self.assert_usage_error(self.run_brig("--preset", "strickt", "-c", "1"), '"strict"')
        self.assert_usage_error(self.run_brig("--template", "alpine", "-c", "1"), "brig template ls")
        self.assert_usage_error(self.run_brig("--require", "steel", "-c", "1"), "--require")

    def test_durations_and_sizes(self):
        for value in ("0", "-1", "1e99", "abc", "", "10y", "nan", "1e-9"):
            with self.subTest(value):
                self.assert_usage_error(self.run_brig("--timeout=" + value, "-c", "1"), "--timeout")
        for value in ("0", "-1", "1e99", "abc", "", "10Q", "1.5.5M", "nan"):
            with self.subTest(value):
                self.assert_usage_error(self.run_brig("--memory=" + value, "-c", "1"), "--memory")
        for flag in ("--cpus", "--pids", "--disk"):
            with self.subTest(flag):
                self.assert_usage_error(self.run_brig(flag + "=junk", "-c", "1"), flag)

    def test_files(self):
        self.assert_usage_error(self.run_brig("missing.py"), "missing.py", "No such file")
        self.assert_usage_error(self.run_brig(self.folder), "is a folder")
        self.assert_usage_error(self.run_brig("/dev/zero"), "device")
        self.assert_usage_error(self.run_brig("--stdin", "missing", "--", "true"), "--stdin", "No such file")
        self.assert_usage_error(self.run_brig("--stdin", self.folder, "--", "true"), "folder")
        self.assert_usage_error(self.run_brig("--policy", "missing", "--", "true"), "--policy")
        self.write("what", "?")
        self.assert_usage_error(self.run_brig("what"), "--lang")
        os.chmod(self.write("closed.py", "1"), 0)
        os.chmod(self.folder, 0o755)
        ran = self.run_brig("closed.py", user=65534, group=65534, extra_groups=[])
        self.assert_usage_error(ran, "closed.py", "Permission denied")

    def test_inputs(self):
        for value in ("missing", "/dev/null", "", ":/x"):
            with self.subTest(value):
                self.assert_usage_error(self.run_brig("--in", value, "--", "true"), "--in")
        os.mkfifo(os.path.join(self.folder, "pipe"))
        self.assert_usage_error(self.run_brig("--in", "pipe", "--", "true"), "--in", "give a file or a folder")

    def test_source(self):
        self.write("latin.py", b"print('\xff')")
        self.assert_usage_error(self.run_brig("latin.py"), "UTF-8")
        self.write("huge.py", b" " * (100 << 20))
        self.assert_usage_error(self.run_brig("huge.py"), "16 MB")
        self.write("empty.py", "")
        self.assertEqual(self.run_brig("empty.py").code, 0)

    def test_policy_file(self):
        self.write("p.toml", '[limits]\nmemroy = "1G"\n')
        self.assert_usage_error(self.run_brig("--policy", "p.toml", "--", "true"), "p.toml:2:1", "memory")
        self.write("p.toml", '[limits]\ntimeout = "200ms"\n')
        self.assertEqual(self.run_brig("--policy", "p.toml", "--", "sleep", "5").code, 124)
        self.assertIn("200ms", self.run_brig("--policy", "p.toml", "--explain").out)

    def test_policy_file_that_mounts_what_is_not_there(self):
        self.write("p.toml", '[[mount]]\nfrom = "/usr/share"\nto = "/s"\n[[mount]]\nfrom = "/no/such"\nto = "/x"\n')
        ran = self.run_brig("--policy", "p.toml", "--", "true")
        self.assert_usage_error(ran, "p.toml:5:8: mount.from /no/such", "No such file")
        ran = self.run_brig("--policy", "p.toml", "--in", "/none", "--", "true")
        self.assert_usage_error(ran, "p.toml:5:8")

    def test_program_name_that_no_file_inside_can_have(self):
        self.write("new\nline.py", "1")
        self.assert_usage_error(self.run_brig("new\nline.py"), "name")

    def test_commands(self):
        for arguments, words in ((["runs"], '"run"'), ([], "which command")):
            done = subprocess.run([BRIG, *arguments], capture_output=True)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr.decode())
        for arguments in (["--help"], ["--version"], ["run", "--help"]):
            done = subprocess.run([BRIG, *arguments], capture_output=True)
            self.assertEqual((done.returncode, done.stderr), (0, b""))
            with open("/dev/full", "wb") as full:
                self.assertNotEqual(subprocess.run([BRIG, *arguments], stdout=full).returncode, 0)

    def test_help_names_every_flag(self):
        sources = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../apps/brig")
        for command in ("run", "doctor", "attack", "bench"):
            with open(os.path.join(sources, "cmd_%s.cc" % command)) as file:
                flags = re.findall(r'options\.(?:option|flag)\(\s*"([^"]+)"', file.read())
            self.assertTrue(flags, command)
            text = subprocess.run([BRIG, command, "--help"], capture_output=True, text=True).stdout
            usage = re.search(r"(?m)^Usage: .*", text).group()
            for name in ",".join(flags).split(","):
                with self.subTest(command=command, flag=name):
                    self.assertRegex(text, r"(?m)^ .*%s\b" % re.escape(name))
                    self.assertTrue("[FLAGS]" in usage or "[" + flags_short(flags, name) in usage, usage)
        self.assertIn("a bare number is seconds", subprocess.run([BRIG, "run", "--help"], capture_output=True, text=True).stdout)
        self.assertEqual(self.run_brig("--timeout", "0.2", "--", "sleep", "5").code, 124)


class Prompt(RunCase):
    def prompt(self, *arguments):
        return Ran(subprocess.run([BRIG, "prompt", *arguments], cwd=self.folder, timeout=60, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE))

    def test_what_it_says_is_true_inside(self):
        said = self.prompt()
        self.assertEqual((said.code, said.err), (0, ""))
        named = re.search(r"by the names to import: (.*)\.", said.out)
        for module in named.group(1).split(", ") if named else []:
            with self.subTest(module):
                self.assertEqual(self.run_brig("-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('%s') is None)" % module).code, 0)
        for language in re.search(r"Languages: ([^.]*)\.", said.out).group(1).split(", "):
            with self.subTest(language):
                self.assertEqual(self.run_brig("--lang", language, "-c", "").code, 0)

    def test_it_takes_the_flags_that_change_it(self):
        self.write("data.csv", "1,2")
        said = self.prompt("--timeout", "7s", "--in", "data.csv").out
        self.assertIn("Time: 7s", said)
        self.assertIn("`/workspace/data.csv` is given to you, read-only.", said)

    def test_mistakes(self):
        self.assert_usage_error(self.prompt("--memory", "much"), "--memory")
        self.assert_usage_error(self.prompt("--template", "nonsense"), "nonsense")


class Bench(RunCase):
    @unittest.skipUnless(os.path.exists("/usr/bin/bwrap"), "needs bubblewrap")
    def test_every_contender_runs_every_case(self):
        done = subprocess.run([BRIG, "bench", "--json", "-n", "5", "--idle", "1"], capture_output=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        for case in json.loads(done.stdout)["cases"]:
            for name, figures in case["contenders"].items():
                with self.subTest(case=case["case"], contender=name):
                    self.assertEqual(figures["failures"], 0)


class Signals(RunCase):
    def test_signals_destroy_the_sandbox(self):
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)):
            with self.subTest(number):
                process = subprocess.Popen([BRIG, "run", "--lang", "bash", "-c", "echo up; exec -a brig-e2e-sleeper sleep 60"],
                                           stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
                self.assertEqual(process.stdout.readline(), b"up\n")
                process.send_signal(number)
                self.assertEqual(process.wait(timeout=20), code)
                process.stdout.close()
                deadline = time.monotonic() + 5
                while self.sleepers() and time.monotonic() < deadline:
                    time.sleep(0.05)
                self.assertEqual(self.sleepers(), [])

    @staticmethod
    def sleepers():
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid, "rb") as file:
                    if file.read().startswith(b"brig-e2e-sleeper"):
                        found.append(pid)
            except OSError:
                pass  # it has just ended
        return found


if __name__ == "__main__":
    unittest.main()
