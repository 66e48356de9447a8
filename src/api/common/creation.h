#pragma once
/// Creation: from what a client asks for to a sandbox of its own. A façade reads the wish in its own spelling; what the
/// snapshot and the template add to it, and what the key may have, is the same for all.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/common/caller.h"
#include "api/common/template_choice.h"
#include "base/units.h"
#include "image/catalog.h"
#include "image/manifest.h"
#include "sandboxes/sandboxes.h"
#include "sandboxes/snapshots.h"

namespace brig::api {

/// The largest `limits.output`: an answer that holds the output of a command is made in memory.
inline constexpr Bytes kOutputMost{std::uint64_t{16} << 20};

/// The end of reading a policy: one that can be kept here, and whose answers fit. kInvalidArgument.
Result<> settle(policy::Policy& policy);

struct Wish {
  sandboxes::CreateRequest request;
  std::string snapshot_id;  ///< empty: from its template alone
  bool is_dry_run = false;  ///< say whether it would be made, and how weak; make nothing
};
/// Reads a client's wish. What it does not say is as the template's `defaults` say, and what they do not say as
/// `options` do. Called several times, with different ones.
using ReadWish = std::function<Result<Wish>(const sandboxes::Options& options, const image::Defaults& defaults)>;

class Creation {
 public:
  /// What it is given outlives it. `templates`: none: there is the host's own only.
  Creation(sandboxes::Sandboxes& sandboxes, sandboxes::Snapshots& snapshots, std::optional<image::Catalog> templates)
      : sandboxes_(sandboxes), snapshots_(snapshots), templates_(std::move(templates)) {}
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;

  /// A wish that is complete.
  struct Order {
    sandboxes::CreateRequest request;
    std::optional<store::Snapshot> snapshot;
    bool is_dry_run = false;
  };
  /// kNotFound for a snapshot or a template that is not there for the key, and what `read` fails with.
  Result<Order> order(const Caller& caller, const ReadWish& read, std::string request_id) const;
  /// Not of a dry run.
  Task<sandboxes::Created> carry_out(Caller caller, Order order);

  /// Those that the key may see, without the host's.
  [[nodiscard]] Result<std::vector<image::Listed>> known_templates(const store::Key& key) const;
  /// What a model's code finds in a sandbox of the template (image/prompt.h): one with `policy`, or one that asks for
  /// nothing. kNotFound.
  [[nodiscard]] Result<std::string> prompt_of(const store::Key& key, std::string_view name,
                                              std::optional<policy::Policy> policy) const;

 private:
  [[nodiscard]] Result<ChosenTemplate> choose(const std::string& name, const Caller& caller) const;

  sandboxes::Sandboxes& sandboxes_;
  sandboxes::Snapshots& snapshots_;
  std::optional<image::Catalog> templates_;
};

}  // namespace brig::api
