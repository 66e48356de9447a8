#pragma once
/// OutputLog: everything a command wrote to one stream, readable from any byte offset, in little memory.
///
/// A little is kept in memory, more goes to the sandbox's spool (spool.h). What has no room there (the sandbox's share
/// is used up, the disk is full) is counted as dropped and said, never silent: the log then ends there, and total()
/// goes on. One thread.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "sandboxes/spool.h"

namespace brig::sandboxes {

class OutputLog {
 public:
  static constexpr std::size_t kMemoryMax = std::size_t{64} << 10;
  /// Of a log to which nothing more comes.
  static constexpr std::size_t kSmall = std::size_t{4} << 10;

  explicit OutputLog(std::shared_ptr<Spool> spool) : spool_(std::move(spool)) {}
  OutputLog(const OutputLog&) = delete;
  OutputLog& operator=(const OutputLog&) = delete;
  ~OutputLog() { spool_->give_back(blocks_); }

  void append(std::span<const std::byte> bytes);
  /// Nothing more comes: its memory is given back but for kSmall bytes, if there is room elsewhere.
  void close();
  /// Bytes that it keeps in memory.
  [[nodiscard]] std::size_t in_memory() const { return memory_.size(); }

  /// Bytes that were written, kept or not.
  [[nodiscard]] std::uint64_t total() const { return total_; }
  /// Bytes at the end that could not be kept.
  [[nodiscard]] std::uint64_t dropped() const { return total_ - kept_; }
  /// Offsets below it can be read.
  [[nodiscard]] std::uint64_t kept() const { return kept_; }

  /// Bytes from `offset` on into `buffer`; 0 at or beyond kept(). kSystem if the spool cannot be read.
  [[nodiscard]] Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> buffer) const;

  /// At most `limit` bytes: head and tail halves, with a line between them that says how much is left out. `elided`
  /// counts what is not in the text.
  struct Text {
    std::string text;
    std::uint64_t elided = 0;
  };
  [[nodiscard]] Result<Text> text(std::uint64_t limit) const;

 private:
  bool leave_memory();
  std::size_t spool(std::uint64_t offset, std::span<const std::byte> bytes);
  [[nodiscard]] Result<std::string> slice(std::uint64_t offset, std::uint64_t size) const;

  std::shared_ptr<Spool> spool_;
  std::string memory_;                ///< all of it, or none:
  std::vector<Spool::Block> blocks_;  ///< then it is there
  std::uint64_t kept_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace brig::sandboxes
