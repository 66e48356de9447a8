#pragma once
/// Spool: what the commands of one sandbox printed and memory does not hold, in one file without a name.
///
/// The file is there while something is in it, so whoever dies leaves nothing behind, and a sandbox takes one
/// descriptor at most. Room is given in blocks, never beyond the sandbox's share, and never the last of the disk: that
/// is the store's. One thread. Writes go to the page cache and are not waited for.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"

namespace brig::sandboxes {

struct SpoolLimits {
  Bytes most{std::uint64_t{2} << 30};       ///< of one sandbox
  Bytes reserve{std::uint64_t{256} << 20};  ///< of the disk, which always stays free
};

class Spool {
 public:
  static constexpr std::size_t kBlock = std::size_t{64} << 10;
  using Block = std::uint32_t;
  /// Asked when there is no room: gives blocks back, or says that there is nothing (more) to give.
  using MakeRoom = std::function<bool()>;

  /// `folder` outlives it.
  Spool(FdRef folder, SpoolLimits limits) : folder_(folder), limits_(limits) {}
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;

  void on_full(MakeRoom make_room) { make_room_ = std::move(make_room); }

  /// Nothing if the share is used up, the disk is (nearly) full, or no file can be made.
  std::optional<Block> take();
  void give_back(std::span<const Block> blocks);

  /// How much of `bytes` was written at `offset` of the block; it must fit in.
  std::size_t write(Block block, std::size_t offset, std::span<const std::byte> bytes);
  /// kSystem if less than `buffer` can be read.
  [[nodiscard]] Result<> read(Block block, std::size_t offset, std::span<std::byte> buffer) const;

  [[nodiscard]] Bytes used() const { return {std::uint64_t{used_} * kBlock}; }

 private:
  [[nodiscard]] bool has_room() const;
  void punch(Block first, std::size_t count) const;

  FdRef folder_;
  SpoolLimits limits_;
  MakeRoom make_room_;
  Fd file_;
  std::vector<Block> free_;  ///< below next_
  Block next_ = 0;
  std::size_t used_ = 0;
};

}  // namespace brig::sandboxes
