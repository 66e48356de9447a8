#!/usr/bin/python3
"""--in, policy mounts and --out: what may be shown, who may write it, and what a guest can leave in a folder of the host."""
import os
import socket
import subprocess
import unittest

import harness


DANGER = 'danger.read_write_mount = "I understand that the sandbox can change these files"\n'


class In(harness.BrigCase):
    def see(self, what, script, *flags):
        return self.brig("--in", what, *flags, "--lang", "bash", "-c", script)

    def test_a_file_that_only_root_may_read(self):
        self.write("secret", "for root", 0o600)
        ran = self.see("secret", "cat secret; stat -c '%u %a' secret; echo x >> secret; echo $?")
        self.assertEqual(ran.out, "for root1000 600\n1\n", ran.err)
        self.assertIn("Read-only file system", ran.err)
        self.assertEqual(harness.read(os.path.join(self.folder, "secret")), "for root")

    def test_a_closed_folder(self):
        closed = os.path.join(self.folder, "closed")
        os.mkdir(closed, 0o700)
        self.write("closed/a", "a", 0o600)
        ran = self.see("closed:/mnt/x/y", "cat /mnt/x/y/a; touch /mnt/x/y/b; rm /mnt/x/y/a; mv /mnt/x/y/a /mnt/x/y/c; chmod 777 /mnt/x/y; ln /mnt/x/y/a /tmp/l; true")
        self.assertEqual(ran.out, "a", ran.err)
        self.assertEqual(ran.err.count("Read-only file system") + ran.err.count("Invalid cross-device link"), 5, ran.err)
        self.assertEqual(os.listdir(closed), ["a"])

    def test_what_is_mounted_below_a_folder_is_not_shown(self):
        tree = os.path.join(self.folder, "tree")
        os.makedirs(tree + "/below")
        harness.mount("none", tree + "/below", "tmpfs")
        self.addCleanup(subprocess.run, ["umount", tree + "/below"], check=True)
        self.write("tree/below/other", "x")
        self.assertEqual(self.see("tree", "ls tree/below; echo end").out, "end\n")

    def test_a_link_shows_what_it_names(self):
        self.write("real", "text")
        os.symlink("real", os.path.join(self.folder, "link"))
        ran = self.see("link", "cat link; test -L link || echo no link")
        self.assertEqual(ran.out, "textno link\n", ran.err)

    def test_what_cannot_be_shown(self):
        os.mkfifo(os.path.join(self.folder, "fifo"))
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(os.path.join(self.folder, "socket"))
        os.mknod(os.path.join(self.folder, "device"), 0o20666, os.makedev(1, 5))
        os.symlink("nowhere", os.path.join(self.folder, "dangling"))
        os.symlink("loop", os.path.join(self.folder, "loop"))
        for what in ("missing", "fifo", "socket", "device", "dangling", "loop", "missing/x", "/dev/kmsg"):
            with self.subTest(what):
                ran = self.see(what, "true")
                self.assertEqual(ran.code, 2, ran.err)
                self.assertIn(what, ran.err)
                self.assertEqual(ran.err.count("\n"), 1, ran.err)
                self.assert_nothing_left()

    def test_where_it_cannot_be_shown(self):
        self.write("f", "x")
        for place in ("/", "/proc", "/proc/1", "/dev/null", "/usr/bin/python3", "/etc", "/sys", "relative", "/../x", "/workspace"):
            with self.subTest(place):
                ran = self.see("f:" + place, "true")
                self.assertEqual(ran.code, 2, ran.err)
                self.assertTrue(ran.err.startswith("brig: "), ran.err)
                self.assert_nothing_left()
        ran = self.brig("--in", "f", "--in", "f", "--", "true")
        self.assertEqual(ran.code, 2, ran.err)

    def test_devices_in_a_shown_folder_are_dead(self):
        folder = os.path.join(self.folder, "devices")
        os.mkdir(folder)
        os.mknod(folder + "/zero", 0o20666, os.makedev(1, 5))
        os.chmod(folder + "/zero", 0o666)
        ran = self.see("devices", "head -c1 devices/zero; echo $?")
        self.assertEqual(ran.out, "1\n", ran.err)

    def test_set_user_id_programs_gain_nothing(self):
        path = self.write("tool", harness.subprocess.run(["cat", "/usr/bin/id"], capture_output=True).stdout)
        os.chmod(path, 0o4755)
        self.assertEqual(self.see("tool", "./tool -u").out, "1000\n")

    def test_names_of_every_kind(self):
        for name in ("with space", "ümlaut", "-dash", "per%s", "\\back", '"quote"'):
            with self.subTest(name):
                self.write(name, "x")
                ran = self.brig("--in", "./" + name, "--", "ls", "-N")
                self.assertEqual((ran.code, ran.out), (0, name + "\n"), ran.err)

    def test_the_mount_table_names_an_input_by_its_path_and_nothing_else(self):
        """Known, and no more than that: the kernel shows each mount's root within its file system."""
        os.mkdir(os.path.join(self.folder, "deep"))
        self.write("deep/data", "x")
        self.write("other", "x")
        ran = self.see("deep/data", "cat /proc/self/mountinfo")
        roots = {line.split()[4]: line.split()[3] for line in ran.out.splitlines()}
        name = os.path.basename(self.folder)
        self.assertEqual(roots["/workspace/data"], "/%s/deep/data" % name)  # /tmp is a file system of its own here
        self.assertEqual([place for place in roots if name in roots[place]], ["/workspace/data"], ran.out)

    def test_replaced_while_it_runs(self):
        """What was opened is what is seen: a rename outside changes nothing inside."""
        path = self.write("data", "first")
        process = self.start("run", "--in", "data", "--lang", "bash", "-c", "read line; cat data", stdin=subprocess.PIPE)
        harness.Jail.wait(process.pid)
        self.write("other", "second")
        os.rename(os.path.join(self.folder, "other"), path)
        process.stdin.write(b"go\n")
        self.assertEqual(self.finish(process).out, "first")


class ReadWrite(harness.BrigCase):
    def test_files_belong_to_the_owner_outside(self):
        for owner in (0, harness.NOBODY):
            with self.subTest(owner):
                folder = os.path.join(self.folder, "work%d" % owner)
                os.mkdir(folder, 0o700)
                os.chown(folder, owner, owner)
                self.write("p.toml", '[[mount]]\nfrom = "%s"\nto = "/work"\naccess = "read-write"\n%s' % (folder, DANGER))
                script = "echo made > /work/new; mkdir /work/sub; echo deep > /work/sub/f; ln -s / /work/link"
                ran = self.brig("--policy", "p.toml", "--lang", "bash", "-c", script)
                self.assertEqual((ran.code, ran.err), (0, ""))
                for name in ("new", "sub", "sub/f", "link"):
                    about = os.lstat(os.path.join(folder, name))
                    self.assertEqual((about.st_uid, about.st_gid), (owner, owner), name)
                self.assertEqual(harness.read(folder + "/new"), "made\n")

    def test_no_program_becomes_its_owner_for_others(self):
        folder = os.path.join(self.folder, "work")
        os.mkdir(folder)
        self.write("p.toml", '[[mount]]\nfrom = "%s"\nto = "/work"\naccess = "read-write"\n%s' % (folder, DANGER))
        code = '''
import os
def tries(what, *words):
    try: what(*words); return "done"
    except OSError as error: return error.strerror
open("/work/a", "w").close()
file = os.open("/work/a", os.O_RDONLY)
print(tries(os.chmod, "/work/a", 0o4755), tries(os.fchmod, file, 0o2755), tries(os.chmod, "/work/a", 0o755))
made = os.open("/work/b", os.O_CREAT | os.O_RDWR, 0o6755)
os.write(made, b"x")
'''
        ran = self.brig("--policy", "p.toml", "-c", code)
        refused = "Operation not permitted"
        self.assertEqual(ran.out, "%s %s done\n" % (refused, refused), ran.err)
        for name in ("a", "b"):
            self.assertEqual(os.lstat(os.path.join(folder, name)).st_mode & 0o6000, 0, name)

    def test_no_device_can_be_made(self):
        folder = os.path.join(self.folder, "work")
        os.mkdir(folder)
        self.write("p.toml", '[[mount]]\nfrom = "%s"\nto = "/work"\naccess = "read-write"\n%s' % (folder, DANGER))
        ran = self.brig("--policy", "p.toml", "--lang", "bash", "-c", "mknod /work/d c 1 5; echo $?")
        self.assertEqual(ran.out, "1\n")
        self.assertEqual(os.listdir(folder), [])


class Out(harness.BrigCase):
    def out(self):
        return os.path.join(self.folder, "o")

    def collect(self, script, *flags, lang="bash"):
        return self.report("--out", "o", *flags, "--lang", lang, "-c", script)

    def test_links_that_were_there_before_are_not_followed(self):
        os.mkdir(self.out())
        self.write("target", "untouched")
        os.mkdir(os.path.join(self.folder, "elsewhere"))
        os.symlink("../target", self.out() + "/file")
        os.symlink("../elsewhere", self.out() + "/folder")
        ran = self.brig("--out", "o", "--lang", "bash", "-c", "echo evil > file; mkdir folder; echo evil > folder/in")
        self.assertEqual(harness.read(os.path.join(self.folder, "target")), "untouched", ran.err)
        self.assertEqual(os.listdir(os.path.join(self.folder, "elsewhere")), [], ran.err)

    def test_links_of_the_guest_are_not_followed(self):
        self.write("victim", "untouched")
        report = self.collect("ln -s %s/victim a; ln -s / root; ln -s .. up; echo x > up/../tmp/y; echo h > h; ln h hard; mkdir real; ln -s real alias; echo z > alias/f"
                              % self.folder)
        self.assertEqual(sorted(os.listdir(self.out())), ["h", "hard", "real"], report["files"])
        self.assertEqual(harness.read(os.path.join(self.folder, "victim")), "untouched")

    def test_a_terabyte_of_nothing(self):
        self.write("p.toml", '[limits]\ndisk = "64M"\n')
        # Larger than the file-size limit cannot be made; many that are as large as it can.
        report = self.report("--policy", "p.toml", "--out", "o", "-c", "for n in range(200): open('s%d' % n, 'w').truncate(60 << 20)")
        self.assertLessEqual(sum(os.stat(self.out() + "/" + name).st_blocks * 512 for name in os.listdir(self.out())), 64 << 20)
        self.assertLessEqual(sum(os.stat(self.out() + "/" + name).st_size for name in os.listdir(self.out())), 64 << 20)
        self.assertIn("over the limit", str(report["files"]))

    def test_ten_thousand_files(self):
        self.write("p.toml", '[limits]\ninodes = 20000\n')
        report = self.report("--policy", "p.toml", "--out", "o", "-c", "for n in range(10000): open('f%d' % n, 'w').close()")
        self.assertEqual(report["status"], "ok", report["note"])
        self.assertLessEqual(len(os.listdir(self.out())), 1000)  # out_files
        self.assertGreater(len(os.listdir(self.out())), 0)
        self.assertEqual(len(report["files"]) + report["files_unlisted"], 10000)

    def test_folders_without_end(self):
        report = self.collect("import os\nfor n in range(3000):\n  os.mkdir('d'); os.chdir('d')\nopen('f', 'w').close()", lang="python")
        self.assertIn(report["status"], ("ok", "failed"))

    def test_names_cannot_leave_the_folder_or_speak_to_the_terminal(self):
        script = "import os\nfor name in (b'\\x1b[2Jred', b'new\\nline', b'\\xff\\xfe', b'-rf', b'con\\rtrol', b'a' * 255, b'...'): open(name, 'w').close()"
        ran = self.brig("--out", "o", "-c", script)
        self.assertEqual(ran.code, 0, ran.err)
        self.assertNotIn("\x1b", ran.err)
        for name in os.listdir(os.fsencode(self.out())):
            self.assertTrue(name.decode(errors="replace").isprintable(), name)

    def test_closed_files_and_pipes(self):
        report = self.collect("echo x > closed; chmod 0 closed; mkdir shut; echo y > shut/f; chmod 0 shut; mkfifo pipe; python3 -c \"import socket; socket.socket(socket.AF_UNIX).bind('s')\"; echo z > good")
        self.assertEqual(report["exit_code"], 0, report)
        self.assertEqual(harness.read(self.out() + "/good"), "z\n")
        self.assertNotIn("pipe", os.listdir(self.out()))
        self.assertNotIn("s", os.listdir(self.out()))

    def test_modes_and_owners_are_plain(self):
        self.collect("for m in 4755 2755 1777 0000 0666; do echo x > f$m; chmod $m f$m; done")
        for name in os.listdir(self.out()):
            about = os.stat(self.out() + "/" + name)
            self.assertEqual((about.st_uid, about.st_mode & 0o7022), (0, 0), name)

    def test_json_says_what_happened_to_a_full_disk(self):
        os.mkdir(self.out())
        harness.mount("none", self.out(), "tmpfs", 0, "size=64k")
        try:
            ran = self.brig("--json", "--out", "o", "-c", "print('done'); open('big', 'wb').write(b'x' * 1000000)")
        finally:
            subprocess.run(["umount", self.out()], check=True)
        report = ran.json()
        self.assertEqual((ran.code, report["status"], report["stdout"]), (125, "failed", "done\n"))
        self.assertIn("No space left", report["failure"]["message"])
        self.assert_nothing_left()

    def test_it_changes_while_it_is_filled(self):
        """Somebody outside replaces folders by links meanwhile: nothing may appear behind them."""
        elsewhere = os.path.join(self.folder, "elsewhere")
        os.mkdir(elsewhere)
        process = self.start("run", "--out", "o", "--lang", "bash", "-c", "mkdir d; for i in $(seq 900); do echo x > d/f$i; done")
        folder = self.out() + "/d"
        while process.poll() is None:
            try:
                os.rename(folder, self.folder + "/aside")
                os.symlink(elsewhere, folder)
                break
            except OSError:
                pass
        self.finish(process)
        self.assertEqual(os.listdir(elsewhere), [])


if __name__ == "__main__":
    harness.main()
