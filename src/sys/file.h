#pragma once
/// Whole small files, read and written with a bound. Paths are the host's own (/proc, cgroup trees, our installation).
#include <fcntl.h>

#include <span>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/result.h"

namespace brig::sys {

/// Opens with O_CLOEXEC added. The error names the path.
Result<Fd> open(const std::string& path, int flags, unsigned mode = 0);

/// At most `limit` bytes; kExhausted if the file has more.
Result<std::string> read_all(FdRef fd, std::size_t limit);
Result<std::string> read_file(const std::string& path, std::size_t limit);

/// Every byte, or the error. EINTR and short writes are handled.
Result<> write_all(FdRef fd, std::string_view bytes);
/// Opens an existing file for writing and writes `text` in one go (kernel control files take one write).
Result<> write_file(const std::string& path, std::string_view text);

/// A folder and everything below it. Follows no link, and walks with descriptors, so that nobody who owns a folder in
/// it can lead us elsewhere.
Result<> remove_tree(const std::string& path);

/// Sets or clears O_NONBLOCK.
Result<> set_nonblocking(FdRef fd, bool is_nonblocking);

/// A memfd holding a copy of `source`'s bytes, sealed against every change and executable.
/// An executed program can be overwritten through /proc/<pid>/exe (CVE-2019-5736); a sealed copy cannot, and it is not
/// the file on disk.
Result<Fd> sealed_copy(FdRef source, const char* name);

}  // namespace brig::sys
