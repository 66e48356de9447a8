#pragma once
/// What is said to a service that speaks the E2B API, and what it answers, as values. Pure; as hostile as answers.h.
///
/// The control plane makes, renews and ends sandboxes (POST, GET, DELETE /sandboxes…, X-API-KEY); inside each, envd
/// takes files and starts processes (connect_stream.h).
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "policy/policy.h"
#include "runtime/attestation.h"

namespace brig::runtimes::remote {

/// The port that envd has in every sandbox, as text.
inline constexpr std::string_view kEnvdPort = "49983";

/// The body of POST /sandboxes: no network, and an end soon, which is put off as long as somebody here lives.
std::string e2b_create_body(const std::string& template_name, std::chrono::seconds timeout);
/// Of POST /sandboxes/{id}/timeout.
std::string e2b_timeout_body(std::chrono::seconds timeout);

struct E2bMade {
  std::string id;
  std::string token;   ///< for envd; empty if the service gives none
  std::string domain;  ///< of its sandboxes' host names, perhaps with a port; empty if it does not say
};
Result<E2bMade> read_e2b_made(std::string_view text);

/// Whether the sandbox may reach the internet, by GET /sandboxes/{id}: what a service does not say is not closed.
Result<bool> read_e2b_online(std::string_view text);

/// The URL of envd in the sandbox: `domain` is its answer's, or else what follows "api." in the API's own host.
/// kInvalidArgument if neither says it.
Result<std::string> envd_url(const E2bMade& made, std::string_view api_authority);

/// A file as POST /files takes it: one part of a form, for which `boundary` must not occur in `bytes`.
std::string upload_body(std::string_view bytes, std::string_view boundary);

/// expect_askable() of an E2B service, which has no libraries to ask for.
Result<> expect_askable_of_e2b(const policy::Policy& policy);

/// What brig-init is started with over there (agent/alone.h), and takes on itself.
std::vector<std::string> alone_words(const policy::Limits& limits);
/// What of `policy` nobody enforces there, or only the service says that it does.
std::vector<std::string> e2b_weaknesses(const policy::Policy& policy, const std::string& host);
/// What there is to say of such a sandbox: the service's words, and what brig-init does to itself.
runtime::Attestation e2b_attestation(const policy::Policy& policy, const std::string& host,
                                     const std::string& template_name, const std::string& kernel);

}  // namespace brig::runtimes::remote
