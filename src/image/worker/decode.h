#pragma once
/// Decoders: what a layer is compressed with, told by its first bytes (gzip, zstd, or not at all), and a hash on the
/// way.
#include <cstdint>
#include <memory>

#include "image/digest.h"
#include "image/worker/bytes.h"

namespace brig::image {

/// Bounds against what unfolds: a few kilobytes that become a full disk.
struct Unfolding {
  std::uint64_t most = std::uint64_t{16} << 30;   ///< bytes that come out
  std::uint64_t free = std::uint64_t{256} << 20;  ///< bytes that may come out whatever went in
  std::uint64_t ratio = 200;  ///< beyond that, bytes that may come out for each that went in (plain text: 10)
};

/// The bytes of `packed`, decoded. kInvalidArgument for broken data, one more byte after its end, or a format that is
/// none of the three; kExhausted for more than the bounds. `packed` outlives it.
Result<std::unique_ptr<ByteStream>> decode(ByteStream& packed, Unfolding bounds = {});

/// Passes everything through and hashes it.
class HashingStream final : public ByteStream {
 public:
  explicit HashingStream(ByteStream& from) : from_(from) {}
  Result<std::size_t> read_some(std::span<char> buffer) override;
  /// The digest of all of it: reads what was not read yet.
  Result<std::string> finish();
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  ByteStream& from_;
  Sha256 hash_;
  std::uint64_t count_ = 0;
};

}  // namespace brig::image
