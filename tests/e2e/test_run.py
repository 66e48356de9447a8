#!/usr/bin/python3
"""brig run from its command line, in real sandboxes: what a user meets, and what a user does wrong."""
import base64
import json
import os
import signal
import subprocess
import tempfile
import time
import unittest

BRIG = os.environ.get("BRIG", os.path.join(os.path.dirname(__file__), "../../build/dev/bin/brig"))
HAS_NODE = os.path.exists("/usr/bin/node")
HAS_MATPLOTLIB = subprocess.run(["/usr/bin/python3", "-c", "import matplotlib"], capture_output=True).returncode == 0


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

    def test_code_that_looks_like_a_flag(self):
        self.assertEqual(self.run_brig("-c", "-1").code, 0)

    def test_file_with_arguments(self):
        self.write("show.py", "import sys, os\nprint(sys.argv, os.getcwd(), __file__)\n")
        ran = self.run_brig("show.py", "--", "a", "--flag", "--")
        self.assertEqual(ran.out, "['/workspace/show.py', 'a', '--flag', '--'] /workspace /workspace/show.py\n")

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
        self.assertIn("brig: the program ended with timeout", ran.err)
        self.assertEqual(self.run_brig("-q", "--timeout", "200ms", "--", "sleep", "5").err, "")

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
        self.assertEqual(ran.json()["results"][0]["text/html"], "<b>")

    def test_out_that_cannot_be_written(self):
        self.write("file", "")
        ran = self.run_brig("--out", "file/x", "--", "true")
        self.assertEqual(ran.code, 125)
        self.assertIn("file/x", ran.err)
        self.assertEqual(self.run_brig("--out", "/proc/brig", "--", "true").code, 125)

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
        self.assertIn("No space left", ran.err)
        self.assertEqual(left, [])

    def test_out_on_a_read_only_disk(self):
        fixed = os.path.join(self.folder, "fixed")
        os.mkdir(fixed)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", fixed], check=True)
        try:
            ran = self.run_brig("--out", fixed, "-c", "print('done')")
        finally:
            subprocess.run(["umount", fixed], check=True)
        self.assertEqual(ran.code, 125)
        self.assertIn("Read-only", ran.err)

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
        self.assert_usage_error(self.run_brig("a.py", "b.py"), '"b.py"', "--")
        self.assert_usage_error(self.run_brig(), "nothing to run")

    def test_names(self):
        self.assert_usage_error(self.run_brig("--lang", "pyhton", "-c", "1"), '"python"', "javascript")
        self.assert_usage_error(self.run_brig("--runtime", "proces", "-c", "1") , '"process"')
        self.assert_usage_error(self.run_brig("--preset", "strickt", "-c", "1"), '"strict"')
        self.assert_usage_error(self.run_brig("--template", "alpine", "-c", "1"), "host")
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
                self.assert_usage_error(self.run_brig("--in", value, "--", "true"))

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
