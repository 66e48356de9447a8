#pragma once
/// Cursors: where the next page of a list begins, as text that says nothing to anybody else.
///
/// 32 hexadecimal digits: the place and a check of the list's filter, encrypted as one block with a key of this
/// database. So a cursor tells nobody how many sandboxes others have made, cannot be made up, and fits only the list
/// (key, filter) that gave it.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/wall_time.h"

namespace brig::store {

/// The last row of a page: lists are ordered by time, then by the order of insertion.
struct Place {
  WallTime at;
  std::int64_t seq = 0;
  bool operator==(const Place&) const = default;
};

/// Times that a cursor can carry: 1970 to the year 10889.
constexpr bool fits_cursor(WallTime time) {
  return milliseconds_since_1970(time) >= 0 && milliseconds_since_1970(time) < std::int64_t{1} << 48;
}

class Cursors {
 public:
  /// `key`: 16 bytes.
  static Result<Cursors> create(std::string_view key);

  /// `scope`: everything that decides which rows the list has. `place.at` fits_cursor, `place.seq` is below 2^40.
  [[nodiscard]] std::string encode(Place place, std::string_view scope) const;
  /// kInvalidArgument if it is none of ours or of another list.
  [[nodiscard]] Result<Place> decode(std::string_view cursor, std::string_view scope) const;

 private:
  struct Cipher;
  struct CipherDeleter {
    void operator()(Cipher* cipher) const;
  };
  explicit Cursors(std::unique_ptr<Cipher, CipherDeleter> cipher) : cipher_(std::move(cipher)) {}
  std::unique_ptr<Cipher, CipherDeleter> cipher_;
};

}  // namespace brig::store
