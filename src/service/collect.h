#pragma once
/// What a program left in its working folder: found out from the guest's own words, and brought out safely.
///
/// The guest is hostile: its listing may name anything, twice, at any size. What it says decides only which names are
/// tried; what is written is bounded by bytes that really came (CollectLimits::bytes in all, apparent size and not
/// blocks, so a sparse file costs what it shows), by the number of files, and by OutFolder, which lets no name leave
/// the folder.
#include <cstdint>
#include <string>
#include <vector>

#include "async/task.h"
#include "base/units.h"
#include "guest/session.h"
#include "service/out_folder.h"

namespace brig::service {

/// One entry of `files[]`.
struct OutFile {
  std::string path;     ///< relative to the working folder, safe to show
  Bytes size{0};        ///< what was written; without --out, or skipped, what the guest says
  std::string skipped;  ///< why it was not brought out; empty if it was, or would be
  bool is_executable = false;
  bool operator==(const OutFile&) const = default;
};

struct OutFiles {
  std::vector<OutFile> files;  ///< ordered by path
  std::uint64_t unlisted = 0;  ///< further entries that are not in `files` because there are too many
  bool operator==(const OutFiles&) const = default;
};

struct CollectLimits {
  Bytes bytes = mebibytes(100);  ///< of all files together
  std::uint32_t files = 1000;
};

/// What of a listing is output: regular files on the folder's own device that no `ignored` path is or contains. The
/// rest is named with the reason (links, devices, pipes, sockets, hostile names), or silently left out (folders,
/// inputs). Pure.
OutFiles select_files(const guest::Listing& listing, std::uint64_t device, const std::vector<std::string>& ignored,
                      const CollectLimits& limits);

/// What is in `folder` of the guest. An Error only for the session's own failures.
Task<OutFiles> list_files(guest::Session& session, GuestPath folder, std::vector<std::string> ignored,
                          CollectLimits limits);

/// Writes the files that select_files() kept below `target` and notes in `files` what became of each. What the guest
/// does wrong skips a file; an Error is the host's (disk full, read-only …) or the session's, and `files` then says
/// what was written.
Task<> collect_files(guest::Session& session, GuestPath folder, OutFiles& files, OutFolder& target,
                     CollectLimits limits);

}  // namespace brig::service
