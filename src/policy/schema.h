#pragma once
/// The schema: one row for every key of a policy. The single truth for reading policy files and flags, for explaining a
/// policy, and for docs/policy.md.
///
/// A key with a range is a Scalar: milliseconds, bytes, thousandths of a processor, a count, or the index of a choice.
/// Keys that hold text (mounts, variables, the preset) have a row for their name and documentation; parse.cc reads
/// them.
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "policy/policy.h"

namespace brig::policy {

enum class Kind : std::uint8_t { kDuration, kSize, kProcessors, kCount, kChoice, kText };

/// The value of a key as a number; nothing means "none" (only where the row allows it).
using Scalar = std::optional<std::int64_t>;

struct Field {
  std::string_view path;  ///< "limits.memory"
  std::string_view flag;  ///< "--memory", or empty
  Kind kind = Kind::kText;
  std::int64_t least = 0;
  std::int64_t most = 0;
  bool may_be_none = false;
  std::span<const std::string_view> choices;
  std::string_view doc;  ///< one sentence
  Scalar (*get)(const Policy&) = nullptr;
  void (*set)(Policy&, Scalar) = nullptr;

  [[nodiscard]] bool is_scalar() const { return get != nullptr; }
  /// "limits"
  [[nodiscard]] std::string_view section() const { return path.substr(0, path.find('.')); }
  /// "memory"; the path itself if it is in no section.
  [[nodiscard]] std::string_view key() const { return path.substr(path.find('.') + 1); }
};

/// Every row, in the order in which people read them.
std::span<const Field> fields();
const Field* find_field(std::string_view path);
const Field* find_flag(std::string_view flag);

/// `text` as a value of the scalar key `field`, in range. kInvalidArgument with a sentence that quotes the text and
/// says what to write; it does not name the key.
Result<Scalar> parse_scalar(const Field& field, std::string_view text);
/// `number` as a value of the scalar key `field`, in range: seconds, bytes, processors or a count. As parse_scalar
/// else.
Result<Scalar> scalar_of(const Field& field, double number);
/// An error like parse_scalar's if `value` is out of range.
Result<> check_range(const Field& field, Scalar value);
/// What parse_scalar reads back: "256M", "0.5", "shared-kernel", "none".
std::string format_scalar(const Field& field, Scalar value);
/// What to write, for errors: "write 250ms, 30s, 2m or 1h, from 1ms to 24h".
std::string advice(const Field& field);

/// docs/policy.md.
std::string reference_markdown();

/// The sentence that a read-write mount demands as `danger.read_write_mount`.
inline constexpr std::string_view kReadWriteMountToken = "I understand that the sandbox can change these files";

}  // namespace brig::policy
