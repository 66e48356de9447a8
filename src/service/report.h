#pragma once
/// A RunReport for programs (one JSON object) and for people (lines).
#include <string>

#include <boost/json/fwd.hpp>

#include "base/error.h"
#include "policy/policy.h"
#include "service/run.h"

namespace brig::service {

/// The exit code of `brig run`: the program's, unless trouble of ours came after it.
int exit_code_of(const RunReport& report);

/// The attestation of docs/result.md.
boost::json::object attestation_json(const runtime::Attestation& attestation);

/// One line of JSON with a newline: status, exit_code, signal, duration_ms, cpu_ms, peak_memory_bytes, limits_hit,
/// note, stdout, stderr and what of them is elided, results, files, error, failure, attestation. docs/result.md
/// describes it.
std::string to_json(const RunReport& report);
/// The same shape, as far as it applies, when nothing ran: "failed".
std::string to_json(const Error& failure);

/// The status and one line for each of the six bars, from the attestation and not from the policy.
std::string bars(const RunReport& report, const policy::Policy& policy);

/// What a person must be told though they asked for nothing: an end that is not "ok", the flag that raises the limit
/// behind it, files that were left out, weaknesses. Empty, or lines that each start with "brig: ".
std::string remarks(const RunReport& report, const policy::Policy& policy, std::string_view template_name,
                    bool has_out);

}  // namespace brig::service
