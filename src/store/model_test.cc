// Random sequences of calls against a model in memory: what a list shows, page by page, and what each call says.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <map>

#include "store/store.h"
#include "store/testing/samples.h"
#include "store/testing/temporary_folder.h"

namespace brig::store {
namespace {

/// What the store should know: sandboxes in the order of insertion.
struct Model {
  std::vector<Sandbox> sandboxes;

  Sandbox* living(const std::string& id) {
    const auto found = std::ranges::find(sandboxes, id, &Sandbox::id);
    return found == sandboxes.end() || found->ended_at.has_value() ? nullptr : &*found;
  }
  static bool matches(const SandboxFilter& filter, const Sandbox& sandbox) {
    if (filter.key_id.has_value() && sandbox.key_id != *filter.key_id) return false;
    if (!filter.states.empty() && std::ranges::find(filter.states, sandbox.state) == filter.states.end()) return false;
    if (filter.template_name.has_value() && sandbox.template_name != *filter.template_name) return false;
    if (filter.fork_tree_id.has_value() && sandbox.fork_tree_id != filter.fork_tree_id) return false;
    if (filter.created_since.has_value() && sandbox.created_at < *filter.created_since) return false;
    if (filter.created_until.has_value() && sandbox.created_at >= *filter.created_until) return false;
    return std::ranges::all_of(filter.metadata, [&](const auto& wanted) {
      return std::ranges::find(sandbox.metadata, wanted) != sandbox.metadata.end();
    });
  }
  [[nodiscard]] std::vector<Sandbox> list(const SandboxFilter& filter) const {
    std::vector<std::pair<WallTime, std::size_t>> order;  // by time, then by insertion
    for (std::size_t i = 0; i < sandboxes.size(); ++i) {
      if (matches(filter, sandboxes[i])) order.emplace_back(sandboxes[i].created_at, i);
    }
    std::ranges::sort(order, std::greater());
    std::vector<Sandbox> found;
    for (const auto& [time, i] : order) found.push_back(sandboxes[i]);
    return found;
  }
  std::int64_t prune(WallTime before, std::size_t keep) {
    std::vector<std::pair<WallTime, std::size_t>> ended;
    for (std::size_t i = 0; i < sandboxes.size(); ++i) {
      if (sandboxes[i].ended_at.has_value()) ended.emplace_back(*sandboxes[i].ended_at, i);
    }
    std::ranges::sort(ended);
    std::size_t going = 0;
    while (going < ended.size() && (ended[going].first < before || ended.size() - going > keep)) ++going;
    std::vector<std::string> gone;
    for (std::size_t i = 0; i < going; ++i) gone.push_back(sandboxes[ended[i].second].id);
    std::erase_if(sandboxes, [&](const Sandbox& s) { return std::ranges::find(gone, s.id) != gone.end(); });
    return static_cast<std::int64_t>(going);
  }
};

int below(int count) { return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0, count)); }
std::string one_of(std::string_view letters) {
  return std::string(1, letters[static_cast<std::size_t>(below(static_cast<int>(letters.size())))]);
}
SandboxState any_state(int count) { return static_cast<SandboxState>(below(count)); }

class Walk {
 public:
  Walk(Store& store, std::vector<std::string> keys) : store_(&store), keys_(std::move(keys)) {}

  void step() {
    switch (below(10)) {
      case 0:
      case 1:
      case 2: return insert();
      case 3: return change();
      case 4: return end();
      case 5: return prune();
      case 6: return undo();
      default: return list();
    }
  }
  /// Everything is as the model says, and nothing is left for the next walk.
  void finish() {
    SandboxFilter all;
    RC_ASSERT(walk_pages(all, 3) == model_.list(all));
    for (const Sandbox& sandbox : model_.sandboxes) {
      RC_ASSERT(*store_->sandboxes().get(sandbox.id) == sandbox);
      (void)*store_->sandboxes().end(sandbox.id, {SandboxState::kKilled, "", ""}, wall_time(0));
    }
    (void)*store_->sandboxes().prune(wall_time(1'000), 0, 100'000);
    RC_ASSERT(store_->sandboxes().list({}, 1)->items.empty());
  }

 private:
  Sandbox any_sandbox() {
    Sandbox sandbox = sample_sandbox("n" + std::to_string(next_++), keys_[static_cast<std::size_t>(below(2))]);
    sandbox.template_name = one_of("xy");
    sandbox.created_at = wall_time(below(8));  // many of one moment, and back in time
    sandbox.metadata.clear();
    for (const std::string name : {"a", "b"}) {
      if (below(2) == 0) sandbox.metadata.emplace_back(name, one_of("12"));
    }
    if (below(3) == 0) sandbox.fork_tree_id = std::nullopt;
    sandbox.state = any_state(4);
    return sandbox;
  }
  std::string any_id() { return "n" + std::to_string(below(next_ + 1)); }

  void insert() {
    const Sandbox sandbox = any_sandbox();
    RC_ASSERT(store_->sandboxes().insert(sandbox).has_value());
    RC_ASSERT(!store_->sandboxes().insert(sandbox).has_value());
    model_.sandboxes.push_back(sandbox);
  }
  void change() {
    const std::string id = any_id();
    Sandbox* known = model_.living(id);
    const SandboxState state = any_state(4);
    RC_ASSERT(*store_->sandboxes().set_state(id, state) == (known != nullptr));
    const StringMap metadata{{one_of("ab"), one_of("12")}};
    RC_ASSERT(*store_->sandboxes().set_metadata(id, metadata) == (known != nullptr));
    const WallTime now = wall_time(below(2'000));
    RC_ASSERT(*store_->sandboxes().touch(id, now) == (known != nullptr));
    if (known == nullptr) return;
    known->state = state;
    known->metadata = metadata;
    known->last_active_at = std::max(known->last_active_at, now);
  }
  void end() {
    const std::string id = any_id();
    Sandbox* known = model_.living(id);
    const SandboxEnd how{below(2) == 0 ? SandboxState::kKilled : SandboxState::kFailed, one_of("rs"), ""};
    const WallTime now = wall_time(below(20));
    RC_ASSERT(*store_->sandboxes().end(id, how, now) == (known != nullptr));
    if (known == nullptr) return;
    known->state = how.state;
    known->ended_at = now;
    known->end_reason = how.reason;
    known->end_detail = how.detail;
  }
  void prune() {
    const WallTime before = wall_time(below(20));
    const int keep = below(5);
    const std::int64_t going = model_.prune(before, static_cast<std::size_t>(keep));
    const std::int64_t most = 1 + below(3);
    std::int64_t gone = 0;
    for (std::int64_t removed = most; removed == most; gone += removed) {
      removed = *store_->sandboxes().prune(before, keep, most);
    }
    RC_ASSERT(gone == going);
  }
  /// A transaction that is not committed.
  void undo() {
    const Model before = model_;
    {
      auto transaction = store_->begin();
      RC_ASSERT(transaction.has_value());
      insert();
      change();
      end();
    }
    model_ = before;
  }
  void list() {
    SandboxFilter filter;
    if (below(2) == 0) filter.key_id = keys_[static_cast<std::size_t>(below(2))];
    for (int i = below(4); i > 0; --i) filter.states.push_back(any_state(6));
    if (below(3) == 0) filter.metadata.emplace_back("a", one_of("12"));
    if (below(3) == 0) filter.metadata.emplace_back("b", one_of("12"));
    if (below(4) == 0) filter.template_name = one_of("xy");
    if (below(4) == 0) filter.fork_tree_id = "tree";
    if (below(3) == 0) filter.created_since = wall_time(below(8));
    if (below(3) == 0) filter.created_until = wall_time(below(8));
    RC_ASSERT(walk_pages(filter, static_cast<std::size_t>(1 + below(5))) == model_.list(filter));
  }
  std::vector<Sandbox> walk_pages(const SandboxFilter& filter, std::size_t limit) {
    std::vector<Sandbox> all;
    std::string cursor;
    while (true) {
      const auto page = store_->sandboxes().list(filter, limit, cursor);
      RC_ASSERT(page.has_value());
      RC_ASSERT(page->items.size() <= limit);
      RC_ASSERT(!page->next.has_value() || page->items.size() == limit);
      all.insert(all.end(), page->items.begin(), page->items.end());
      if (!page->next.has_value()) return all;
      cursor = *page->next;
    }
  }

  Store* store_;
  std::vector<std::string> keys_;
  Model model_;
  int next_ = 0;
};

TEST(StoreModel, EveryCallSaysWhatTheModelSays) {
  const TemporaryFolder folder;
  auto store = Store::open(folder.path());
  ASSERT_TRUE(store.has_value()) << store.error().message();
  const auto key = (*store)->keys().make({.label = "other"}, wall_time(1));
  ASSERT_TRUE(key.has_value());
  const bool holds = rc::check([&] {
    // A walk that failed leaves its records, which shrinking must not trip over.
    const auto left = *(*store)->sandboxes().list({}, kLargestPage);
    for (const Sandbox& sandbox : left.items) {
      (void)*(*store)->sandboxes().end(sandbox.id, {SandboxState::kKilled, "", ""}, wall_time(0));
    }
    (void)*(*store)->sandboxes().prune(wall_time(100'000), 0, 100'000);
    Walk walk(**store, {std::string(kLocalKeyId), key->key.id});
    const int steps = below(80);
    for (int i = 0; i < steps; ++i) walk.step();
    walk.finish();
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace brig::store
