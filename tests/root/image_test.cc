/// Images as roots, live: what a template's image has at its top is all that a sandbox finds, and it is read-only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "root/room.h"
#include "sys/file.h"
#include "sys/process.h"

namespace brig {
namespace {

using testing::HasSubstr;

/// A folder with a shell, a few programs and what they load, as an EROFS and as a squashfs image.
class Image : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    char pattern[] = "/tmp/brig-image-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern), nullptr);
    folder_ = pattern;
    const std::string script = "set -e; a=" + digest_ + "; cd " + folder_ + R"(
mkdir -p t/usr/bin t/usr/lib t/usr/lib64 t/etc t/opt t/home/user t/tmp/hidden t/workspace/hidden
for folder in bin lib lib64; do ln -s usr/$folder t/$folder; done
echo here > t/opt/mark
echo hello > t/top.txt
echo user:x:1000:1000:user:/home/user:/bin/sh > t/etc/passwd
cd /usr/bin
cp sh ls cat id touch mkdir rm chown ln $OLDPWD/t/usr/bin/
cd $OLDPWD
chmod u+s t/usr/bin/id
for library in $(ldd t/usr/bin/* | grep -o '/[^ ]*so[^ ]*' | sort -u); do
  cp $(readlink -f $library) t/usr/lib/$(basename $library)
done
cp t/usr/lib/ld-* t/usr/lib64/
mkfs.erofs -zlz4hc --force-uid=0 --force-gid=0 $a.erofs t >/dev/null
mksquashfs t $a.squashfs -all-root -quiet >/dev/null
chmod 644 $a.*)";
    const Fd null = *sys::open("/dev/null", O_RDWR);
    const std::vector<std::string> arguments{"-c", script};
    const std::vector<std::string> environment{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    const std::vector<sys::Inherited> fds{{null.ref(), 0}, {null.ref(), 1}, {FdRef(2), 2}};
    auto child = sys::spawn("/bin/sh", arguments, environment, fds);
    ASSERT_TRUE(child.has_value()) << child.error().message();
    const auto end = child->wait();
    ASSERT_TRUE(end.has_value() && !end->is_signal && end->value == 0) << "the image could not be made";
  }
  static void TearDownTestSuite() { (void)sys::remove_tree(folder_); }

  /// Published as the store would, under a digest.
  static runtime::RootImage root(const std::string& format) {
    return {.name = "test", .digest = digest_, .file = *HostPath::parse(folder_ + "/" + digest_ + "." + format)};
  }
  static const inline std::string digest_ = std::string(64, 'a');
  static std::string folder_;
};
std::string Image::folder_;

TEST_F(Image, IsAllThatASandboxFinds) {
  Room room({}, root("erofs"));
  ASSERT_TRUE(room.is_ready());
  EXPECT_EQ(room.shell("cat /opt/mark /top.txt; id -un").out, "here\nhello\nuser\n");
  EXPECT_EQ(room.shell("ls /").out,
            "bin\ndev\netc\nhome\nlib\nlib64\nopt\nproc\nrun\nsys\ntmp\ntop.txt\nusr\nworkspace\n");
  EXPECT_EQ(room.cell().attestation().rootfs.image, "sha256:" + std::string(64, 'a'));
  EXPECT_EQ(room.cell().attestation().rootfs.format, "erofs");
  EXPECT_TRUE(room.cell().attestation().rootfs.is_read_only);
}

TEST_F(Image, CannotBeWrittenAndTheScratchCan) {
  Room room({}, root("erofs"));
  ASSERT_TRUE(room.is_ready());
  EXPECT_THAT(room.shell("touch /opt/x /usr/bin/x /x").err, HasSubstr("Read-only file system"));
  const Answer answer = room.shell("touch /tmp/x /workspace/x /home/user/x && ls /tmp /workspace /home/user");
  EXPECT_EQ(answer.end.value, 0) << answer.err;
  EXPECT_EQ(answer.out, "/home/user:\nx\n\n/tmp:\nx\n\n/workspace:\nx\n") << "what the image has there is covered";
}

TEST_F(Image, MayBeSquashfsOverALoopDevice) {
  Room room({}, root("squashfs"));
  ASSERT_TRUE(room.is_ready());
  EXPECT_EQ(room.shell("cat /opt/mark").out, "here\n");
  EXPECT_EQ(room.cell().attestation().rootfs.format, "squashfs");
}

TEST_F(Image, IsNotShownAsAnother) {
  runtime::RootImage another = root("erofs");
  another.digest = std::string(64, 'b');
  auto runtime = runtimes::process::make_process_runtime({.launcher = std::string(BRIG_BIN_DIR) + "/brig-launch"});
  asio::io_context io;
  const auto cell = brig::run(io, runtime->create({.id = "another", .policy = {}, .root = another}));
  ASSERT_FALSE(cell.has_value());
  EXPECT_EQ(cell.error().code(), Code::kDenied);
  EXPECT_THAT(cell.error().message(), HasSubstr("it was published as " + std::string(64, 'a')));
}

TEST_F(Image, ThatIsNoneIsRefusedInWords) {
  std::ofstream(root("junk").file->text()) << std::string(4096, 'x');
  auto runtime = runtimes::process::make_process_runtime({.launcher = std::string(BRIG_BIN_DIR) + "/brig-launch"});
  asio::io_context io;
  const auto cell = brig::run(io, runtime->create({.id = "junk", .policy = {}, .root = root("junk")}));
  ASSERT_FALSE(cell.has_value());
  EXPECT_EQ(cell.error().code(), Code::kInvalidArgument);
  EXPECT_THAT(cell.error().message(), HasSubstr("neither EROFS nor squashfs"));
}

TEST_F(Image, LeavesNoMountBehind) {
  const auto mounts = [] {
    std::ostringstream text;
    text << std::ifstream("/proc/self/mountinfo").rdbuf();
    return text.str();
  };
  const std::string before = mounts();
  {
    Room room({}, root("erofs"));
    ASSERT_TRUE(room.is_ready());
    EXPECT_EQ(mounts(), before) << "the image is mounted where the host sees it";
  }
  EXPECT_EQ(mounts(), before);
}

/// A root that is being made.
class Build : public Image {
 protected:
  static runtime::WritableRoot step(int number, int layers) {
    const auto place = [](int i) { return folder_ + "/step" + std::to_string(i); };
    for (const char* part : {"", "/upper", "/work"}) (void)::mkdir((place(number) + part).c_str(), 0755);
    runtime::WritableRoot writable{.layers = {}, .changes = *HostPath::parse(place(number))};
    for (int i = 0; i < layers; ++i) writable.layers.push_back(*HostPath::parse(place(i) + "/upper"));
    return writable;
  }
};

TEST_F(Build, KeepsWhatItsRootChangesForTheNextStep) {
  {
    Room room({}, root("erofs"), step(0, 0));
    ASSERT_TRUE(room.is_ready());
    const Answer answer = room.shell(
        "id -u && mkdir /app && echo made > /app/file && rm /opt/mark && chown 33:33 /app/file && ls -ln /app/file");
    EXPECT_EQ(answer.err, "");
    EXPECT_THAT(answer.out, testing::StartsWith("0\n"));
    EXPECT_THAT(answer.out, HasSubstr(" 33 33 "));
    EXPECT_FALSE(room.cell().attestation().rootfs.is_read_only);
    EXPECT_EQ(room.cell().attestation().capabilities, "fb");
  }
  Room room({}, root("erofs"), step(1, 1));
  ASSERT_TRUE(room.is_ready());
  EXPECT_EQ(room.shell("cat /app/file; test -e /opt/mark || echo gone").out, "made\ngone\n");
}

TEST_F(Build, IsRootOfNothingButItsFiles) {
  Room room({}, root("erofs"), step(2, 0));
  ASSERT_TRUE(room.is_ready());
  // No file of the host's, no mount, no device, no other user's process: as in every sandbox.
  EXPECT_THAT(room.exec({"/usr/bin/cat", "/proc/sys/kernel/core_pattern"}).end.value, 0);
  EXPECT_NE(room.shell("echo x > /proc/sys/kernel/core_pattern").end.value, 0);
  EXPECT_EQ(room.shell("cat /proc/self/uid_map").out, "         0 1610612736      65536\n");
  EXPECT_THAT(room.shell("cat /proc/self/status").out, HasSubstr("CapBnd:\t00000000000000fb"));
}

TEST_F(Build, IsNotLedElsewhereByALinkOfAnEarlierStep) {
  {
    Room room({}, root("erofs"), step(3, 0));
    ASSERT_TRUE(room.is_ready());
    EXPECT_EQ(room.shell("rm -r /workspace && ln -s /etc /workspace").end.value, 0);
  }
  runtime::WritableRoot next = step(4, 0);
  next.layers.push_back(*HostPath::parse(folder_ + "/step3/upper"));
  auto runtime = runtimes::process::make_process_runtime({.launcher = std::string(BRIG_BIN_DIR) + "/brig-launch"});
  asio::io_context io;
  const auto cell =
      brig::run(io, runtime->create({.id = "led", .policy = {}, .writable = std::move(next), .root = root("erofs")}));
  ASSERT_FALSE(cell.has_value());
  EXPECT_THAT(cell.error().message(), HasSubstr("/workspace of the root that is being built is no folder"));
}

}  // namespace
}  // namespace brig
