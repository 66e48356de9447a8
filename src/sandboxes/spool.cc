#include "sandboxes/spool.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>

namespace brig::sandboxes {
namespace {

off_t position(Spool::Block block, std::size_t offset) {
  return static_cast<off_t>(std::uint64_t{block} * Spool::kBlock + offset);
}

}  // namespace

bool Spool::has_room() const {
  if (used().count + kBlock > limits_.most.count) return false;
  struct statvfs disk{};
  if (::fstatvfs(folder_.get(), &disk) != 0) return false;
  return std::uint64_t{disk.f_bavail} * disk.f_frsize >= limits_.reserve.count + kBlock;
}

std::optional<Spool::Block> Spool::take() {
  while (!has_room()) {
    if (!make_room_ || !make_room_()) return std::nullopt;
  }
  if (!file_.is_open()) file_ = Fd(::openat(folder_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file_.is_open()) return std::nullopt;
  ++used_;
  if (free_.empty()) return next_++;
  const Block block = free_.back();
  free_.pop_back();
  return block;
}

void Spool::give_back(std::span<const Block> blocks) {
  used_ -= blocks.size();
  if (used_ == 0) {
    file_.reset();
    free_ = {};
    next_ = 0;
    return;
  }
  for (std::size_t begin = 0, end = 0; begin < blocks.size(); begin = end) {
    for (end = begin + 1; end < blocks.size() && blocks[end] == blocks[end - 1] + 1;) ++end;
    punch(blocks[begin], end - begin);
  }
  free_.insert(free_.end(), blocks.rbegin(), blocks.rend());
}

/// Gives the disk its room back. On a file system that cannot, the blocks are used again all the same.
void Spool::punch(Block first, std::size_t count) const {
  (void)::fallocate(file_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, position(first, 0),
                    static_cast<off_t>(count * kBlock));
}

std::size_t Spool::write(Block block, std::size_t offset, std::span<const std::byte> bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t count =
        ::pwrite(file_.get(), bytes.data() + written, bytes.size() - written, position(block, offset + written));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    written += static_cast<std::size_t>(count);
  }
  return written;
}

Result<> Spool::read(Block block, std::size_t offset, std::span<std::byte> buffer) const {
  for (std::size_t filled = 0; filled < buffer.size();) {
    const ssize_t count =
        ::pread(file_.get(), buffer.data() + filled, buffer.size() - filled, position(block, offset + filled));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last_system("read a command's output back");
    if (count == 0) return Error::system(EIO, "read a command's output back");
    filled += static_cast<std::size_t>(count);
  }
  return {};
}

}  // namespace brig::sandboxes
