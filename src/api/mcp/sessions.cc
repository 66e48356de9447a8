#include "api/mcp/sessions.h"

#include <algorithm>

#include "sys/random_bytes.h"

namespace brig::api::mcp {
Result<std::shared_ptr<Session>> Sessions::open(std::string_view key_id, std::string_view revision) {
  sweep();
  const auto is_ours = [key_id](const std::shared_ptr<Session>& one) { return one->key_id == key_id; };
  if (static_cast<std::size_t>(std::ranges::count_if(sessions_, is_ours)) >= kSessionsMax) {
    const auto idle = std::ranges::find_if(
        sessions_, [&](const std::shared_ptr<Session>& one) { return is_ours(one) && one->calls.empty(); });
    if (idle == sessions_.end()) {
      return Error(Code::kExhausted, "the key has " + std::to_string(kSessionsMax) +
                                         " MCP sessions, and all of them work: end one (DELETE /mcp) first");
    }
    drop(idle);
  }
  auto session = std::make_shared<Session>();
  session->id = "mcp_" + sys::random_hex(16);
  session->key_id = key_id;
  session->revision = revision;
  session->used_at = clock_();
  sessions_.push_back(session);
  return session;
}

std::shared_ptr<Session> Sessions::find(std::string_view key_id, std::string_view id) {
  sweep();
  const auto found = std::ranges::find(sessions_, id, [](const auto& one) -> const std::string& { return one->id; });
  if (found == sessions_.end() || (*found)->key_id != key_id) return nullptr;
  (*found)->used_at = clock_();
  sessions_.splice(sessions_.end(), sessions_, found);
  return *found;
}

void Sessions::end(const std::shared_ptr<Session>& session) {
  std::erase(sessions_, session);
  session->is_over = true;
  for (const auto& [id, call] : session->calls) call->cancel();
}

void Sessions::drop(std::list<std::shared_ptr<Session>>::iterator at) {
  const std::shared_ptr<Session> session = *at;
  end(session);
  on_end_(*session);
}

void Sessions::sweep() {
  const auto limit = clock_() - kSessionIdle;
  for (auto at = sessions_.begin(); at != sessions_.end() && (*at)->used_at < limit;) {
    const auto next = std::next(at);
    if ((*at)->calls.empty()) drop(at);
    at = next;
  }
}

}  // namespace brig::api::mcp
