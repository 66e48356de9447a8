#include "api/e2b/changes.h"

namespace brig::api::e2b {

Result<std::vector<WatchEvent>> events_of(const guest::FileChange& change) {
  using Type = WatchEvent::Type;
  std::vector<WatchEvent> events;
  const auto add = [&events](Type type, const std::string& name) {
    if (!name.empty()) events.push_back({.type = type, .name = name});
  };
  switch (change.kind) {
    case guest::ChangeKind::kCreated: add(Type::kCreate, change.path); break;
    case guest::ChangeKind::kModified: add(Type::kWrite, change.path); break;
    case guest::ChangeKind::kRemoved: add(Type::kRemove, change.path); break;
    case guest::ChangeKind::kMoved:
      add(Type::kRename, change.from);
      add(Type::kCreate, change.path);
      break;
    case guest::ChangeKind::kOverflow:
      return Error(Code::kExhausted, "changes came faster than they were taken, and some were lost: look again");
    case guest::ChangeKind::kLimited:
      return Error(Code::kExhausted, "there are more folders below it than one watch looks at; watch a part of them");
  }
  return events;
}

std::string_view type_of(const WatchEvent& event) {
  switch (event.type) {
    case WatchEvent::Type::kCreate: return "EVENT_TYPE_CREATE";
    case WatchEvent::Type::kWrite: return "EVENT_TYPE_WRITE";
    case WatchEvent::Type::kRemove: return "EVENT_TYPE_REMOVE";
    case WatchEvent::Type::kRename: return "EVENT_TYPE_RENAME";
  }
  return "EVENT_TYPE_UNSPECIFIED";
}

bool may_have_entry(const WatchEvent& event) {
  return event.type == WatchEvent::Type::kCreate || event.type == WatchEvent::Type::kWrite;
}

}  // namespace brig::api::e2b
