#include "api/e2b/place.h"

#include <cerrno>

#include "api/common/caller.h"
#include "base/base64.h"
#include "base/text.h"

namespace brig::api::e2b {
namespace {

/// As the kernel does (path_resolution(7)).
constexpr int kLinksMost = 40;

}  // namespace

std::string folder_of(const sandboxes::Sandbox& sandbox) {
  const std::string& folder = sandbox.spec().working_folder;
  return folder.empty() ? "/workspace" : folder;
}

Result<GuestPath> resolve_path(std::string_view text, const sandboxes::Sandbox& sandbox) {
  if (text.empty()) return GuestPath::parse(folder_of(sandbox));
  std::string absolute(text);
  if (text == "~" || text.starts_with("~/")) absolute = std::string(kHome) + std::string(text.substr(1));
  else if (text.starts_with('~'))
    return Error(Code::kInvalidArgument, "path '" + printable(text) + "': there is no home folder of that user here");
  else if (!text.starts_with('/')) absolute = std::string(kHome) + "/" + std::string(text);
  return GuestPath::parse(TRY(internal::normalise_path(absolute, true)));
}

std::string user_of(const http::Exchange& exchange) {
  constexpr std::string_view kBasic = "basic ";
  const std::string* field = exchange.header("Authorization");
  if (field == nullptr || field->size() < kBasic.size()) return {};
  const std::string_view text = *field;
  if (!http::equals_ignoring_case(text.substr(0, kBasic.size()), kBasic)) return {};
  const auto pair = from_base64(text.substr(kBasic.size()));
  return pair ? pair->substr(0, pair->find(':')) : std::string();
}

Result<> expect_user(std::string_view name) {
  if (name.empty() || name == kUser) return {};
  return Error(Code::kDenied, std::string(kUnauthenticated) + "invalid username: '" + printable(name, 64) +
                                  "' (programs run as \"user\"; a sandbox here has no other user to run them as)");
}

Task<Followed> follow(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path) {
  for (int i = 0; i < kLinksMost; ++i) {
    CO_TRY(guest::Session * session, sandbox->session());
    CO_TRY(guest::FileEntry entry, co_await session->stat(path));
    if (entry.type != guest::FileType::kSymlink) co_return Followed{.path = std::move(path), .entry = std::move(entry)};
    const std::string folder = path.text().substr(0, path.text().rfind('/'));
    const bool is_absolute = entry.target.starts_with('/');
    CO_TRY(const std::string next,
           internal::normalise_path(is_absolute ? entry.target : folder + "/" + entry.target, true));
    CO_TRY(path, GuestPath::parse(next));
  }
  co_return Error::system(ELOOP, "follow " + printable(path.text()));
}

}  // namespace brig::api::e2b
