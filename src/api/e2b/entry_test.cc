#include "api/e2b/entry.h"

#include <gmock/gmock.h>

#include <boost/json/value.hpp>

#include "api/e2b/changes.h"
#include "json/json.h"

namespace brig::api::e2b {
namespace {

using guest::FileType;
using ::testing::ElementsAre;
using Type = WatchEvent::Type;

TEST(Entries, HavePermissionsAsGoWritesThem) {
  EXPECT_EQ(permissions_of(FileType::kRegular, 0644), "-rw-r--r--");
  EXPECT_EQ(permissions_of(FileType::kFolder, 0755), "drwxr-xr-x");
  EXPECT_EQ(permissions_of(FileType::kFolder, 01777), "dtrwxrwxrwx");
  EXPECT_EQ(permissions_of(FileType::kSymlink, 0777), "Lrwxrwxrwx");
  EXPECT_EQ(permissions_of(FileType::kRegular, 04755), "urwxr-xr-x");
  EXPECT_EQ(permissions_of(FileType::kCharacterDevice, 0666), "Dcrw-rw-rw-");
  EXPECT_EQ(permissions_of(FileType::kFifo, 0600), "prw-------");
  EXPECT_EQ(permissions_of(FileType::kRegular, 0), "----------");
}

TEST(Entries, HaveTimesWhateverAProgramHasSet) {
  using namespace std::chrono_literals;
  EXPECT_EQ(timestamp_of(0ns), "1970-01-01T00:00:00Z");
  EXPECT_EQ(timestamp_of(1'767'225'600s + 123ms), "2026-01-01T00:00:00.123000000Z");
  EXPECT_EQ(timestamp_of(-1ns), "1969-12-31T23:59:59.999999999Z");
  for (const auto extreme : {std::chrono::nanoseconds::min(), std::chrono::nanoseconds::max()})
    EXPECT_EQ(timestamp_of(extreme).back(), 'Z');
}

TEST(Entries, AreAsEnvdWritesThem) {
  const auto path = *GuestPath::parse("/home/user/test_file.txt");
  const guest::FileEntry file{.path = {},
                              .target = {},
                              .type = FileType::kRegular,
                              .mode = 0644,
                              .size = Bytes{4},
                              .mtime = std::chrono::seconds(1)};
  EXPECT_EQ(
      json::write(entry_json(path, file, nullptr)),
      R"({"name":"test_file.txt","type":"FILE_TYPE_FILE","path":"/home/user/test_file.txt","size":"4","mode":420,)"
      R"("permissions":"-rw-r--r--","owner":"user","group":"user","modifiedTime":"1970-01-01T00:00:01Z"})");
  const auto root = entry_json(*GuestPath::parse("/"), {.type = FileType::kFolder, .mode = 0755}, nullptr);
  EXPECT_EQ(root.at("name"), "/");
  EXPECT_EQ(root.at("owner"), "root");
}

TEST(Entries, OfALinkAreWhatItLeadsTo) {
  const auto path = *GuestPath::parse("/home/user/link");
  const guest::FileEntry link{.type = FileType::kSymlink, .mode = 0777};
  const Followed folder{.path = *GuestPath::parse("/usr/lib"), .entry = {.type = FileType::kFolder, .mode = 0755}};
  const auto good = entry_json(path, link, &folder);
  EXPECT_EQ(good.at("type"), "FILE_TYPE_DIRECTORY");
  EXPECT_EQ(good.at("mode"), 0755);
  EXPECT_EQ(good.at("permissions"), "Lrwxrwxrwx");
  EXPECT_EQ(good.at("symlinkTarget"), "/usr/lib");
  const auto broken = entry_json(path, link, nullptr);
  EXPECT_EQ(broken.at("type"), "FILE_TYPE_UNSPECIFIED");
  EXPECT_FALSE(broken.contains("symlinkTarget"));
}

TEST(Changes, AreEvents) {
  const auto events = [](guest::FileChange change) {
    auto read = events_of(change);
    return read ? *read : std::vector<WatchEvent>();
  };
  using guest::ChangeKind;
  EXPECT_THAT(events({.kind = ChangeKind::kCreated, .path = "a/b"}), ElementsAre(WatchEvent{Type::kCreate, "a/b"}));
  EXPECT_THAT(events({.kind = ChangeKind::kModified, .path = "a"}), ElementsAre(WatchEvent{Type::kWrite, "a"}));
  EXPECT_THAT(events({.kind = ChangeKind::kRemoved, .path = "a"}), ElementsAre(WatchEvent{Type::kRemove, "a"}));
  EXPECT_THAT(events({.kind = ChangeKind::kMoved, .path = "b", .from = "a"}),
              ElementsAre(WatchEvent{Type::kRename, "a"}, WatchEvent{Type::kCreate, "b"}));
  EXPECT_THAT(events({.kind = ChangeKind::kModified, .path = ""}), ElementsAre());
  EXPECT_EQ(events_of({.kind = ChangeKind::kOverflow}).error().code(), Code::kExhausted);
  EXPECT_EQ(events_of({.kind = ChangeKind::kLimited}).error().code(), Code::kExhausted);
}

}  // namespace
}  // namespace brig::api::e2b
