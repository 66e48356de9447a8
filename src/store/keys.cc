#include "store/keys.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "store/ids.h"
#include "store/string_map.h"

namespace brig::store {
namespace {

constexpr std::size_t kDigitsShown = 6;

#define BRIG_KEY_COLUMNS                                                                                   \
  "id, label, hash, prefix_shown, created_at, expires_at, revoked_at, quota_sandboxes, quota_cpu_millis, " \
  "quota_memory, "                                                                                         \
  "floor, runtimes, templates, may_build_templates"

Result<Key> read_key(const Statement& statement) {
  Row row(statement);
  Key key;
  key.id = row.text();
  key.label = row.text();
  key.hash = row.text();
  key.prefix_shown = row.text();
  key.created_at = row.time();
  key.expires_at = row.maybe_time();
  key.revoked_at = row.maybe_time();
  const auto small = [](std::optional<std::int64_t> number) {
    return number.has_value() ? std::optional(static_cast<std::uint32_t>(*number)) : std::nullopt;
  };
  key.quota.sandboxes = small(row.maybe_integer());
  key.quota.cpu_millis = small(row.maybe_integer());
  const auto memory = row.maybe_integer();
  if (memory.has_value()) key.quota.memory = Bytes{static_cast<std::uint64_t>(*memory)};
  key.floor = row.text();
  key.runtimes = TRY(list_from_json(row.text()));
  key.templates = TRY(list_from_json(row.text()));
  key.may_build_templates = row.integer() != 0;
  return key;
}

template <class T>
std::optional<std::int64_t> wide(std::optional<T> number) {
  return number.has_value() ? std::optional(static_cast<std::int64_t>(*number)) : std::nullopt;
}

}  // namespace

Result<MadeKey> Keys::make(const KeyGrant& grant, WallTime now) {
  if (std::ranges::find(kKeyPrefixes, grant.prefix) == kKeyPrefixes.end()) {
    return Error(Code::kInvalidArgument, "a key's prefix is brig_, pds_ or e2b_");
  }
  const std::string digits = make_key_digits();
  MadeKey made{.key = {.id = make_id(),
                       .label = grant.label,
                       .hash = sha256(digits),
                       .prefix_shown = std::string(grant.prefix) + digits.substr(0, kDigitsShown),
                       .created_at = now,
                       .expires_at = grant.expires_at,
                       .revoked_at = std::nullopt,
                       .quota = grant.quota,
                       .floor = grant.floor,
                       .runtimes = grant.runtimes,
                       .templates = grant.templates,
                       .may_build_templates = grant.may_build_templates},
               .text = std::string(grant.prefix) + digits};
  const Key& key = made.key;
  const auto memory = key.quota.memory.has_value() ? std::optional(key.quota.memory->count) : std::nullopt;
  auto transaction = TRY(db_->begin(Durability::kPower));
  TRY(TRY(db_->prepare("INSERT INTO keys (" BRIG_KEY_COLUMNS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"))
          .bind(key.id, key.label, Blob{key.hash}, key.prefix_shown, key.created_at, key.expires_at, key.revoked_at,
                wide(key.quota.sandboxes), wide(key.quota.cpu_millis), wide(memory), key.floor, to_json(key.runtimes),
                to_json(key.templates), std::int64_t{key.may_build_templates ? 1 : 0})
          .run());
  TRY(transaction.commit());
  return made;
}

Result<Key> Keys::find(std::string_view presented) {
  const Error unknown(Code::kNotFound, "no such key");
  const auto digits = key_digits(presented);
  if (!digits.has_value()) return unknown;
  const std::string hash = sha256(*digits);
  auto statement = TRY(db_->prepare("SELECT " BRIG_KEY_COLUMNS " FROM keys WHERE hash = ?"));
  if (!TRY(statement.bind(Blob{hash}).step())) return unknown;
  Key key = TRY(read_key(statement));
  if (key.hash.size() != hash.size() || CRYPTO_memcmp(key.hash.data(), hash.data(), hash.size()) != 0) return unknown;
  return key;
}

Result<Key> Keys::get(std::string_view id) {
  auto statement = TRY(db_->prepare("SELECT " BRIG_KEY_COLUMNS " FROM keys WHERE id = ?"));
  if (!TRY(statement.bind(id).step())) return Error(Code::kNotFound, "no such key");
  return read_key(statement);
}

Result<std::vector<Key>> Keys::list() {
  auto statement = TRY(db_->prepare("SELECT " BRIG_KEY_COLUMNS " FROM keys WHERE id <> ? ORDER BY seq"));
  statement.bind(kLocalKeyId);
  std::vector<Key> keys;
  while (TRY(statement.step())) keys.push_back(TRY(read_key(statement)));
  return keys;
}

Result<> Keys::revoke(std::string_view id, WallTime now) {
  if (id == kLocalKeyId) return Error(Code::kDenied, "the local socket's key cannot be revoked: remove the socket");
  auto transaction = TRY(db_->begin(Durability::kPower));
  const auto changed = TRY(TRY(db_->prepare("UPDATE keys SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?"))
                               .bind(now, id)
                               .run_and_count());
  if (changed == 0) return Error(Code::kNotFound, "no such key");
  return transaction.commit();
}

}  // namespace brig::store
