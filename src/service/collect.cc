#include "service/collect.h"

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <utility>

#include "base/text.h"

namespace brig::service {
namespace {

constexpr std::size_t kSkippedShown = 100;  ///< entries that are named with a reason

std::string_view kind_of(guest::FileType type) {
  switch (type) {
    case guest::FileType::kSymlink: return "a symbolic link";
    case guest::FileType::kFifo: return "a pipe";
    case guest::FileType::kSocket: return "a socket";
    case guest::FileType::kCharacterDevice:
    case guest::FileType::kBlockDevice: return "a device";
    default: return "no regular file";
  }
}

bool is_ignored(std::string_view path, const std::vector<std::string>& ignored) {
  return std::ranges::any_of(ignored, [path](const std::string& one) {
    return path.starts_with(one) && (path.size() == one.size() || path[one.size()] == '/');
  });
}

/// Errors that mean that no further file can be written either.
bool is_hosts_end(const Error& error) {
  const int number = error.os_error();
  return number == ENOSPC || number == EDQUOT || number == EROFS || number == EIO || number == EMFILE ||
         number == ENFILE || number == EACCES || number == EPERM;
}

/// What became of one file: its size, or why it was skipped. An Error is trouble for all that follow.
struct Copied {
  Bytes size;
  std::string skipped;
};

Result<Copied> skipped_or_error(Error error) {
  if (is_hosts_end(error)) return error;
  return Copied{.skipped = error.message()};
}

Task<Copied> copy_file(guest::Session& session, GuestPath from, const OutFile& file, OutFolder& target, Bytes budget) {
  auto writer = target.create(file.path);
  if (!writer) co_return skipped_or_error(std::move(writer).error());
  std::optional<Error> trouble;
  const auto sink = [&](std::span<const std::byte> bytes) -> Result<> {
    auto written = writer->write(bytes);
    if (!written) trouble = written.error();
    return written;
  };
  // One byte more than allowed is asked for, to tell a file of exactly that size from a longer one.
  auto read = co_await session.read_file(std::move(from), 0, budget.count + 1, sink);
  if (trouble) co_return skipped_or_error(*std::move(trouble));
  if (!read && read.error().os_error() == 0) co_return std::move(read).error();  // the session's, not the file's
  if (!read) co_return Copied{.skipped = read.error().message()};
  if (*read > budget.count) co_return Copied{.skipped = "over the limit of bytes for all files together (--disk)"};
  auto finished = writer->finish(file.is_executable);
  if (!finished) co_return skipped_or_error(std::move(finished).error());
  co_return Copied{.size = Bytes{*read}};
}

}  // namespace

OutFiles select_files(const guest::Listing& listing, std::uint64_t device, const std::vector<std::string>& ignored,
                      const CollectLimits& limits) {
  OutFiles found;
  std::vector<OutFile> skipped;
  for (const guest::FileEntry& entry : listing.entries) {
    if (entry.type == guest::FileType::kFolder || entry.device != device || is_ignored(entry.path, ignored)) continue;
    OutFile file{.path = printable(entry.path, 4096), .size = entry.size};
    if (const auto name = check_guest_name(entry.path); !name) {
      file.skipped = name.error().message();
    } else if (entry.type != guest::FileType::kRegular) {
      file.skipped = kind_of(entry.type);
    } else if (found.files.size() >= limits.files) {
      file.skipped = "more than " + std::to_string(limits.files) + " files (limits.out_files)";
    } else {
      file.is_executable = (entry.mode & 0111) != 0;
      found.files.push_back(std::move(file));
      continue;
    }
    if (skipped.size() < kSkippedShown) {
      skipped.push_back(std::move(file));
    } else {
      ++found.unlisted;
    }
  }
  std::ranges::move(skipped, std::back_inserter(found.files));
  std::ranges::sort(found.files, {}, &OutFile::path);
  // A guest may list a name twice; the second would overwrite the first.
  const auto same = std::ranges::unique(found.files, {}, &OutFile::path);
  found.files.erase(same.begin(), same.end());
  if (listing.is_truncated) ++found.unlisted;
  return found;
}

Task<OutFiles> list_files(guest::Session& session, GuestPath folder, std::vector<std::string> ignored,
                          CollectLimits limits) {
  auto root = session.stat(folder);
  auto listing = session.list({.path = folder, .depth = kOutDepthMax, .max_entries = guest::kEntriesMax});
  CO_TRY(const guest::FileEntry about, co_await std::move(root));
  CO_TRY(const guest::Listing entries, co_await std::move(listing));
  co_return select_files(entries, about.device, ignored, limits);
}

Task<> collect_files(guest::Session& session, GuestPath folder, OutFiles& files, OutFolder& target,
                     CollectLimits limits) {
  Bytes left = limits.bytes;
  for (OutFile& file : files.files) {
    if (!file.skipped.empty()) continue;
    if (file.size > left) {
      file.skipped = "over the limit of " + format(limits.bytes) + " for all files together (--disk)";
      continue;
    }
    auto from = GuestPath::parse(folder.text() + "/" + file.path);
    if (!from) {
      file.skipped = from.error().message();
      continue;
    }
    auto copied = co_await copy_file(session, *std::move(from), file, target, left);
    if (!copied) {
      file.skipped = copied.error().message();
      co_return std::move(copied).error().context("write to " + target.path().text());
    }
    file.skipped = copied->skipped;
    if (!file.skipped.empty()) continue;
    file.size = copied->size;
    left.count -= file.size.count;
  }
  co_return Result<>();
}

}  // namespace brig::service
