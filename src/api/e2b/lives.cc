#include "api/e2b/lives.h"

namespace brig::api::e2b {

Life unknown_life() { return {.network = {.is_public = false}}; }

void Lives::begin(std::shared_ptr<sandboxes::Sandbox> sandbox, Life life) {
  forget_ended();
  if (life.pauses) pauses_.begin(sandbox, life.timeout);
  lives_[sandbox->spec().id] = {.life = std::move(life), .sandbox = sandbox};
}

Life* Lives::find(std::string_view id) {
  const auto found = lives_.find(id);
  return found == lives_.end() ? nullptr : &found->second.life;
}

Life Lives::of(const sandboxes::Sandbox& sandbox) {
  const Life* life = find(sandbox.spec().id);
  return life != nullptr ? *life : unknown_life();
}

Life& Lives::begun(const std::shared_ptr<sandboxes::Sandbox>& sandbox) {
  const std::string& id = sandbox->spec().id;
  if (find(id) == nullptr) begin(sandbox, unknown_life());
  return *find(id);
}

std::vector<std::string> Lives::ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : lives_) {
    const auto sandbox = entry.sandbox.lock();
    if (sandbox && !sandbox->life().is_ended()) ids.push_back(id);
  }
  return ids;
}

void Lives::forget_ended() {
  std::erase_if(lives_, [](const auto& item) {
    const auto sandbox = item.second.sandbox.lock();
    return !sandbox || sandbox->life().is_ended();
  });
}

void Lives::note_timeout(const sandboxes::Sandbox& sandbox, Milliseconds timeout) {
  if (Life* life = find(sandbox.spec().id)) life->timeout = timeout;
}

Task<> Lives::set_timeout(std::shared_ptr<sandboxes::Sandbox> sandbox, Milliseconds timeout, bool is_extending) {
  CO_TRY(const bool is_set, co_await pauses_.set_time(sandbox, timeout, is_extending));
  if (is_set) note_timeout(*sandbox, timeout);
  co_return Result<>();
}

Task<> Lives::resume(std::shared_ptr<sandboxes::Sandbox> sandbox, Milliseconds timeout) {
  CO_TRY_VOID(co_await pauses_.resume(sandbox, timeout));
  note_timeout(*sandbox, timeout);
  co_return Result<>();
}

}  // namespace brig::api::e2b
