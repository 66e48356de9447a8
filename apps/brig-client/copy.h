#pragma once
/// `brig sandbox cp`: a file or a folder in or out, of any size, in constant memory.
#include <string>

#include "remote.h"

namespace brig::client {

/// Into the sandbox; "-" is standard input. How many bytes.
Result<std::uint64_t> copy_in(Remote& remote, const std::string& from, const std::string& sandbox,
                              const std::string& to);
/// Out of it, a folder as a .tar or .tar.gz; "-" is standard output. The file appears under its name only when all of
/// it is there.
Result<std::uint64_t> copy_out(Remote& remote, const std::string& sandbox, const std::string& from,
                               const std::string& to);

}  // namespace brig::client
