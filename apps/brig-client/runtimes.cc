#include "../brig/runtimes.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/text.h"
#include "remote.h"
#include "runtimes/engine/engine_runtime.h"
#include "runtimes/oci/oci_runtime.h"
#include "runtimes/remote/e2b_runtime.h"
#include "runtimes/remote/remote_runtime.h"
#include "sys/file.h"

namespace brig::cli {
namespace {

constexpr std::size_t kKeyMost = 1024;
constexpr std::size_t kProgramMost = std::size_t{8} << 20;
constexpr std::string_view kE2b = "e2b+";

/// A key is one word. Never in a message.
Result<std::string> read_key(const std::string& path) {
  std::string text = TRY(sys::read_file(path, kKeyMost).context("--remote-key-file"));
  text.resize(text.find_last_not_of(" \t\r\n") + 1);
  const auto is_of_a_word = [](char c) { return c > ' ' && c < 0x7f; };
  if (!text.empty() && std::ranges::all_of(text, is_of_a_word)) return text;
  return Error(Code::kInvalidArgument, "the key file " + printable(path) + " does not hold one key and nothing else");
}

Result<std::unique_ptr<runtime::Runtime>> make_e2b(const RemoteFlags& remote, const std::string& url, std::string key) {
  std::string name = remote.template_name.value_or(client::environment("BRIG_REMOTE_TEMPLATE"));
  return runtimes::remote::make_e2b_runtime(
      {.url = url.substr(kE2b.size()),
       .sandbox_url = remote.sandbox_url.value_or(client::environment("BRIG_REMOTE_SANDBOX_URL")),
       .key = std::move(key),
       .template_name = name.empty() ? "base" : std::move(name),
       .program = TRY(sys::read_file(TRY(find_helper("brig-init")), kProgramMost))});
}

Result<std::unique_ptr<runtime::Runtime>> make_remote(const RemoteFlags& remote) {
  const std::string url = remote.url.value_or(client::environment("BRIG_REMOTE_URL"));
  if (url.empty())
    return Error(Code::kInvalidArgument, "--runtime remote: where is the other Brig? --remote-url https://HOST:PORT");
  const std::string key_file = remote.key_file.value_or(client::environment("BRIG_REMOTE_KEY_FILE"));
  if (key_file.empty() && !url.starts_with("unix:"))
    return Error(Code::kInvalidArgument, "--runtime remote: a key of the other side is needed: --remote-key-file FILE");
  std::string key = key_file.empty() ? "" : TRY(read_key(key_file));
  if (url.starts_with(kE2b)) return make_e2b(remote, url, std::move(key));
  return runtimes::remote::make_remote_runtime({.url = url, .key = std::move(key), .is_trusted = remote.is_trusted});
}

std::vector<runtime::Walls::Offer> own_walls(Use use) {
  return runtimes::oci::launched_walls([use]() -> Result<runtimes::process::LauncherOptions> {
    return runtimes::process::LauncherOptions{.launcher = TRY(find_helper("brig-launch")),
                                              .is_single_use = use == Use::kOnce};
  });
}

}  // namespace

std::optional<int> run_elsewhere(const std::string& /*wall*/, const std::string& /*command*/,
                                 const Arguments& /*arguments*/) {
  return {};
}

runtime::Walls make_own_walls(Use use) { return runtime::Walls(own_walls(use)); }

runtime::Walls make_walls(Use use, const RemoteFlags& remote) {
  std::vector<runtime::Walls::Offer> offers = own_walls(use);
  for (auto& engine : runtimes::engine::engine_walls([] { return find_helper("brig-init"); }))
    offers.push_back(std::move(engine));
  offers.push_back({"remote", [remote] { return make_remote(remote); }});
  return runtime::Walls(std::move(offers));
}

}  // namespace brig::cli
