#pragma once
/// What is said to another Brig, and what it answers, as values. Pure.
///
/// The other side is believed to be what its URL says, and still read as hostile: bounded bytes, depth, counts and
/// texts, strict types; what people will see of it is printable. Keys that are not known here are its own business.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/result.h"
#include "policy/policy.h"
#include "runtime/attestation.h"
#include "runtime/cell_report.h"

namespace brig::runtimes::remote {

inline constexpr std::size_t kAnswerMax = std::size_t{256} << 10;
inline constexpr std::size_t kTextsMax = 64;  ///< weaknesses, namespaces
inline constexpr std::size_t kTextMax = 400;  ///< of one text, in bytes

/// 1–64 of [a-z0-9-]: fits into a path and into a host's name.
[[nodiscard]] bool is_sandbox_id(std::string_view text);
/// kUnsupported, naming the clause, if `policy` has one that cannot be asked for from another machine.
Result<> expect_askable(const policy::Policy& policy);

/// The body of POST /v1/sandboxes: all clauses of `policy`, or kUnsupported naming the one that cannot be asked for.
/// Its environment is not: that goes with each command, over the channel.
Result<std::string> create_body(const policy::Policy& policy, Milliseconds lifetime, bool is_dry_run);
/// Of PATCH …/lifecycle; 0 = no end.
std::string lifetime_body(Milliseconds lifetime);

struct Foreseen {
  std::vector<std::string> weaknesses;
  bool may_pause = false;
};
Result<Foreseen> read_foreseen(std::string_view text);
/// The id of what was made: 1–64 of [a-z0-9-].
Result<std::string> read_created(std::string_view text);
/// As the other side says it: its runtime, its boundary.
Result<runtime::Attestation> read_attestation(std::string_view text);
Result<runtime::CellReport> read_figures(std::string_view text);

struct Standing {
  std::string status;      ///< "running", "paused", "killed", "failed"
  std::string end_reason;  ///< "expired", …; empty of one that lives
  std::string end_detail;
};
Result<Standing> read_standing(std::string_view text);

/// What was read of an answer of `host`'s; what is wrong with it is its doing, and kUnavailable.
template <class T>
Result<T> from(std::string_view host, Result<T> read) {
  if (read) return read;
  return Error(Code::kUnavailable, std::string(host) + " answers what no Brig says: " + read.error().message());
}

/// What an answer of 300 and more means, with its sentence behind `host`'s name.
Error error_of(int status, std::string_view body, std::string_view host);

}  // namespace brig::runtimes::remote
