#include <gmock/gmock.h>

#include "base/testing/golden.h"
#include "runtimes/engine/body.h"
#include "runtimes/engine/confirm.h"
#include "runtimes/engine/keeper_name.h"
#include "runtimes/engine/place.h"
#include "runtimes/engine/tree.h"
#include "runtimes/process/compile.h"
#include "runtimes/process/testing/hosts.h"

namespace brig::runtimes::engine {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

/// One key a line, so that a difference in review is a line.
std::string spread(const std::string& json) {
  std::string text;
  int depth = 0;
  bool is_text = false;
  for (const char c : json) {
    if (c == '"') is_text = !is_text;
    if (!is_text && (c == '}' || c == ']')) --depth;
    text += c;
    if (!is_text && (c == '{' || c == '[')) ++depth;
    if (!is_text && depth < 4 && (c == ',' || c == '{' || c == '['))
      text += "\n" + std::string(static_cast<std::size_t>(depth), ' ');
  }
  return text + "\n";
}

process::LaunchRequest request() {
  process::LaunchRequest request = process::plain_request();
  request.wall = process::Wall::kRunc;
  request.mounts = {};
  return request;
}

Tree tree_of(const process::LaunchRequest& request) {
  return *read_tree(*process::compile_tree(request, process::full_host(), {}, 0));
}

TEST(Body, IsAsTightAsTheOtherWalls) {
  const process::LaunchRequest asked = request();
  const Tree tree = tree_of(asked);
  BodyInput input{.request = asked,
                  .tree = tree,
                  .image = "brig-host:1",
                  .init = "/usr/libexec/brig/brig-init",
                  .scratch = "/run/brig/engine-1",
                  .covered = {"bus", "interrupts", "kallsyms"},
                  .keeper = "boot/1/2/3"};
  expect_golden("tests/golden/engine/shared_scratch.json", spread(create_body(input)));
  input.scratch = "";
  expect_golden("tests/golden/engine/separate_scratch.json", spread(create_body(input)));
}

TEST(Tree, IsWhatTheProcessWallHas) {
  const Tree tree = tree_of(request());
  EXPECT_THAT(tree.shown, Contains("/usr"));
  EXPECT_EQ(tree.scratch.size(), 4U);
  for (const Tree::Scratch& part : tree.scratch) EXPECT_NE(part.path, "") << part.from;
  EXPECT_GT(tree.bytes, 0U);
  EXPECT_THAT(tree.quiet_stat, HasSubstr("cpu0"));
  for (const Tree::Entry& entry : tree.entries) EXPECT_FALSE(entry.path.starts_with("dev")) << entry.path;
}

TEST(Tree, RefusesAStepThatNoEngineDoes) {
  process::JailPlan plan;
  plan.steps.emplace_back(process::AttachMount{.slot = 0, .path = "workspace/x"});
  EXPECT_FALSE(read_tree(plan).has_value());
  plan.steps = {process::BindHost{.host = "/etc/shadow", .path = "etc/passwd", .flags = 0}};
  EXPECT_FALSE(read_tree(plan).has_value());
  plan.steps = {process::MakeFolder{.path = std::string(100, 'x'), .mode = 0755}};
  EXPECT_FALSE(read_tree(plan).has_value());
}

TEST(Archive, IsTheSameForTheSameEntriesAndNamedByThem) {
  const std::vector<Tree::Entry> entries{{.kind = Tree::Entry::Kind::kFolder, .path = "usr"},
                                         {.kind = Tree::Entry::Kind::kLink, .path = "bin", .text = "usr/bin"},
                                         {.kind = Tree::Entry::Kind::kFile, .path = "etc/hostname", .text = "brig\n"}};
  const std::string archive = archive_of(entries);
  EXPECT_EQ(archive.size() % 512, 0U);
  EXPECT_EQ(archive.substr(257, 5), "ustar");
  EXPECT_EQ(archive, archive_of(entries));
  EXPECT_EQ(image_name(archive), image_name(archive_of(entries)));
  EXPECT_NE(image_name(archive), image_name(archive_of({entries.front()})));
  EXPECT_TRUE(image_name(archive).starts_with("localhost/brig-host-"));
}

Surroundings surroundings(std::string host, std::string there, std::string runtime_dir = {}) {
  return {
      .variable = [host, runtime_dir](std::string_view name) { return name == "XDG_RUNTIME_DIR" ? runtime_dir : host; },
      .is_there = [there](const std::string& path) { return path == there; }};
}

TEST(Place, IsTheVariablesOrAUsualOne) {
  EXPECT_EQ(find_place(Kind::kDocker, surroundings("unix:///x/y.sock", ""))->socket, "/x/y.sock");
  EXPECT_EQ(find_place(Kind::kDocker, surroundings("", "/var/run/docker.sock"))->socket, "/var/run/docker.sock");
  EXPECT_EQ(find_place(Kind::kPodman, surroundings("", "/run/user/1/podman/podman.sock", "/run/user/1"))->socket,
            "/run/user/1/podman/podman.sock");
}

TEST(Place, ElsewhereIsRefusedAndNowhereIsSaidWithWhatToDo) {
  for (const char* host : {"tcp://192.0.2.1:2375", "ssh://x", "unix://relative", "unix://"}) {
    const auto place = find_place(Kind::kDocker, surroundings(host, ""));
    ASSERT_FALSE(place.has_value()) << host;
    EXPECT_EQ(place.error().code(), Code::kUnsupported);
  }
  const auto none = find_place(Kind::kPodman, surroundings("", ""));
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().code(), Code::kUnavailable);
  EXPECT_THAT(none.error().message(), HasSubstr("/run/podman/podman.sock"));
}

TEST(KeeperName, IsReadBackAndNothingElseIs) {
  const auto own = own_keeper_name();
  ASSERT_TRUE(own.has_value()) << own.error().message();
  EXPECT_EQ(parse_keeper(format(*own)), *own);
  for (const char* text : {"", "a/b/c/d", "a/1/2", "a/1/-2/3", "a/1/2/3x", "/1/2/3", "a/1/2/99999999999999999999"})
    EXPECT_FALSE(parse_keeper(text).has_value()) << text;
}

TEST(KeeperName, TellsTheDeadFromTheLiving) {
  const KeeperName own = *own_keeper_name();
  EXPECT_FALSE(is_dead(own, own));
  KeeperName other = own;
  other.begun += 1;  // the pid is another process's by now
  EXPECT_TRUE(is_dead(other, own));
  other.pid_namespace += 1;  // nothing is known of those
  EXPECT_FALSE(is_dead(other, own));
  other.boot = "another";
  EXPECT_TRUE(is_dead(other, own));
  EXPECT_EQ(begun_in("1 (a) b) S 1 1 1 0 -1 4 5 6 7 8 9 10 11 12 20 0 1 0 4711 99"), 4711U);
  EXPECT_FALSE(begun_in("1 (").has_value());
}

constexpr std::string_view kMounts =
    "183 159 0:39 / / ro,relatime master:2 - overlay overlay rw\n"
    "184 183 0:42 / /proc rw - proc proc rw\n"
    "185 184 0:42 /sys /proc/sys ro - proc proc rw\n"
    "186 184 0:43 /null /proc/kallsyms rw - tmpfs tmpfs rw\n"
    "187 183 254:0 /usr /usr ro,relatime - ext4 /dev/vda rw\n"
    "188 183 0:99 /tmp /tmp rw,nosuid - tmpfs brig rw\n";

TEST(Mounts, AreReadBack) {
  const auto mounts = read_mounts(kMounts);
  const Expected good{.masked = {"/proc/kallsyms"}, .writable = {"/tmp"}, .scratch_device = 99};
  EXPECT_TRUE(confirm_mounts(mounts, good).has_value());
  Expected expected = good;
  expected.masked.emplace_back("/proc/keys");
  EXPECT_FALSE(confirm_mounts(mounts, expected).has_value()) << "not covered";
  expected = good;
  expected.scratch_device = 98;
  EXPECT_FALSE(confirm_mounts(mounts, expected).has_value()) << "another file system";
  expected = good;
  expected.writable.emplace_back("/workspace");
  EXPECT_FALSE(confirm_mounts(mounts, expected).has_value()) << "a folder of the root";
  for (const std::string& path :
       {std::string("/ / ro"), std::string("/usr /usr ro"), std::string("/sys /proc/sys ro")}) {
    std::string text(kMounts);
    text.replace(text.find(path) + path.size() - 2, 2, "rw");
    EXPECT_FALSE(confirm_mounts(read_mounts(text), good).has_value()) << path;
  }
  const std::string covered = std::string(kMounts) + "190 183 0:7 / / rw - tmpfs tmpfs rw\n";
  EXPECT_FALSE(confirm_mounts(read_mounts(covered), good).has_value()) << "the last one is what is seen";
}

TEST(Mounts, OfNonsenseConfirmNothing) {
  for (const char* text : {"", "\n\n", " - ", "a b c - d", "183 159 x:y / / ro - tmpfs"})
    EXPECT_FALSE(confirm_mounts(read_mounts(text), {.masked = {"/sys"}}).has_value()) << text;
}

TEST(Network, IsTheLoopbackAndNothingElse) {
  const std::string none = "Inter-| Receive\n face |bytes packets\n    lo:       0       0\n";
  EXPECT_TRUE(confirm_network(none).has_value());
  EXPECT_FALSE(confirm_network(none + "  eth0: 1 1\n").has_value());
}

TEST(Group, HasTheContainersIdInItsName) {
  const std::string id(64, 'a');
  EXPECT_TRUE(names_container("4:memory:/docker/" + id + "\n", id));
  EXPECT_TRUE(names_container("0::/system.slice/docker-" + id + ".scope\n", id));
  EXPECT_FALSE(names_container("0::/system.slice/ssh.service\n", id));
  EXPECT_FALSE(names_container("0::/", ""));
}

}  // namespace
}  // namespace brig::runtimes::engine
