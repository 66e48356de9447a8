#pragma once
/// Keys: who may use the service. Every change is on the disk when the call returns (Durability::kPower).
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/db.h"
#include "store/records.h"

namespace brig::store {

/// What a new key may do: see Key.
struct KeyGrant {
  std::string label;
  std::string_view prefix = "brig_";  ///< one of kKeyPrefixes
  std::optional<WallTime> expires_at;
  Quota quota;
  std::string floor;
  std::vector<std::string> runtimes;
  std::vector<std::string> templates;
  bool may_build_templates = false;
};

struct MadeKey {
  Key key;
  std::string text;  ///< to be shown once: it is nowhere else
};

class Keys {
 public:
  explicit Keys(Db& db) : db_(&db) {}

  /// kInvalidArgument for an unknown prefix.
  Result<MadeKey> make(const KeyGrant& grant, WallTime now);
  /// The key that was presented, behind any of the prefixes or none. kNotFound if there is none such; whether it is
  /// still valid is for the caller to ask (Key::is_valid). Found by its hash, of which nobody can choose a beginning,
  /// and compared in constant time.
  Result<Key> find(std::string_view presented);
  Result<Key> get(std::string_view id);
  /// All but the local one, oldest first, revoked ones too.
  Result<std::vector<Key>> list();
  /// The first revocation's time stays. kNotFound for an unknown key, kDenied for the local one.
  Result<> revoke(std::string_view id, WallTime now);

 private:
  Db* db_;
};

}  // namespace brig::store
