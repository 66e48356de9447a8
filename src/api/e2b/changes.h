#pragma once
/// What a change inside is in the words of E2B's clients. Pure.
#include <string>
#include <string_view>
#include <vector>

#include "guest/session.h"

namespace brig::api::e2b {

struct WatchEvent {
  enum class Type : std::uint8_t { kCreate, kWrite, kRemove, kRename };
  Type type = Type::kCreate;
  std::string name;  ///< relative to the watched folder
  bool operator==(const WatchEvent&) const = default;
};

/// A move is two: the old name's RENAME and the new one's CREATE. Of the watched folder itself nothing is said. That a
/// change of mode or times is no WRITE (CHMOD) is not known here. kExhausted for changes that were lost, or are not
/// watched for.
Result<std::vector<WatchEvent>> events_of(const guest::FileChange& change);
/// "EVENT_TYPE_CREATE" …
std::string_view type_of(const WatchEvent& event);
/// Whether there is something at its name to tell of.
bool may_have_entry(const WatchEvent& event);

}  // namespace brig::api::e2b
