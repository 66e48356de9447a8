#include "api/e2b/entry.h"

#include <array>
#include <chrono>

#include <boost/json/value.hpp>

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;
using guest::FileType;

std::string_view type_name(FileType type) {
  switch (type) {
    case FileType::kRegular: return "FILE_TYPE_FILE";
    case FileType::kFolder: return "FILE_TYPE_DIRECTORY";
    case FileType::kSymlink: return "FILE_TYPE_SYMLINK";
    default: return "FILE_TYPE_UNSPECIFIED";
  }
}

/// The letter that Go has for what is no regular file.
std::string_view letter_of(FileType type) {
  switch (type) {
    case FileType::kFolder: return "d";
    case FileType::kSymlink: return "L";
    case FileType::kFifo: return "p";
    case FileType::kSocket: return "S";
    case FileType::kBlockDevice:
    case FileType::kCharacterDevice: return "D";
    case FileType::kRegular: return "";
    case FileType::kUnknown: return "?";
  }
  return "?";
}

/// Where the sandbox's user may write, whatever the wall: the places that sandboxes have for it.
bool is_users(const GuestPath& path) {
  static const std::array<GuestPath, 4> places{*GuestPath::parse("/home/user"), *GuestPath::parse("/workspace"),
                                               *GuestPath::parse("/tmp"), *GuestPath::parse("/dev/shm")};
  for (const GuestPath& place : places)
    if (path.is_within(place)) return true;
  return false;
}

std::string digits(std::int64_t number, std::size_t width) {
  std::string text = std::to_string(number);
  if (text.size() < width) text.insert(0, width - text.size(), '0');
  return text;
}

}  // namespace

std::string permissions_of(FileType type, std::uint16_t mode) {
  // In Go's order of its letters.
  std::string text(letter_of(type));
  if ((mode & 04000U) != 0) text += 'u';
  if ((mode & 02000U) != 0) text += 'g';
  if (type == FileType::kCharacterDevice) text += 'c';
  if ((mode & 01000U) != 0) text += 't';
  if (text.empty()) text = "-";
  for (int bit = 8; bit >= 0; --bit) text += (mode >> bit & 1) != 0 ? "xwr"[bit % 3] : '-';
  return text;
}

std::string timestamp_of(std::chrono::nanoseconds since_1970) {
  using namespace std::chrono;
  constexpr std::int64_t kBillion = 1'000'000'000;
  // By hand: floor() of the smallest number would be one that is smaller.
  std::int64_t whole = since_1970.count() / kBillion;
  std::int64_t rest = since_1970.count() % kBillion;
  if (rest < 0) {
    rest += kBillion;
    --whole;
  }
  const sys_seconds at{seconds(whole)};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{at - day};
  std::string text = digits(static_cast<int>(date.year()), 4) + "-" + digits(static_cast<unsigned>(date.month()), 2) +
                     "-" + digits(static_cast<unsigned>(date.day()), 2) + "T" + digits(time.hours().count(), 2) + ":" +
                     digits(time.minutes().count(), 2) + ":" + digits(time.seconds().count(), 2);
  if (rest != 0) text += "." + digits(rest, 9);
  return text + "Z";
}

bj::object entry_json(const GuestPath& path, const guest::FileEntry& entry, const Followed* target) {
  const bool is_link = entry.type == FileType::kSymlink;
  const FileType type = is_link ? (target != nullptr ? target->entry.type : FileType::kUnknown) : entry.type;
  const std::uint16_t mode = target != nullptr ? target->entry.mode : entry.mode;
  const std::string_view name = path.name();
  const std::string owner = is_users(path) ? "user" : "root";
  bj::object object{{"name", name.empty() ? "/" : std::string(name)},
                    {"type", type_name(type)},
                    {"path", path.text()},
                    {"size", std::to_string(entry.size.count)},
                    {"mode", static_cast<std::uint64_t>(mode & 0777U)},
                    {"permissions", permissions_of(entry.type, entry.mode)},
                    {"owner", owner},
                    {"group", owner},
                    {"modifiedTime", timestamp_of(entry.mtime)}};
  if (target != nullptr) object["symlinkTarget"] = target->path.text();
  return object;
}

Task<bj::object> describe_entry(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path, guest::FileEntry entry) {
  if (entry.type != FileType::kSymlink) co_return entry_json(path, entry, nullptr);
  const auto target = co_await follow(sandbox, path);
  // One that leads nowhere, or in a circle, is shown as such.
  if (!target && target.error().os_error() == 0) co_return target.error();
  co_return entry_json(path, entry, target ? &*target : nullptr);
}

Task<bj::object> describe_path(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path) {
  CO_TRY(guest::Session * session, sandbox->session());
  CO_TRY(guest::FileEntry entry, co_await session->stat(path));
  co_return co_await describe_entry(sandbox, path, std::move(entry));
}

}  // namespace brig::api::e2b
