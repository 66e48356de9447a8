/// The tools for files.
#include <algorithm>

#include "api/mcp/content.h"
#include "api/mcp/toolbox.h"
#include "base/base64.h"
#include "base/text.h"
#include "json/utf8.h"

namespace brig::api::mcp {
namespace {

namespace bj = boost::json;

constexpr std::size_t kNameShown = 200;
/// Of what is asked of the guest to be listed.
constexpr std::uint32_t kEntriesMost = 10'000;

/// A path as a model writes it: absolute, or relative to the working folder.
Result<GuestPath> path_in(const sandboxes::Sandbox& sandbox, const std::string& path) {
  std::string folder = sandbox.spec().working_folder;
  if (folder.empty()) folder = "/workspace";
  std::string whole = path.starts_with('/') ? path : path.empty() || path == "." ? folder : folder + "/" + path;
  for (std::size_t at = 0; (at = whole.find("/./", at)) != std::string::npos;) whole.erase(at, 2);
  while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
  auto parsed = GuestPath::parse(whole);
  if (parsed) return parsed;
  return Error(Code::kInvalidArgument, "arguments.path: " + parsed.error().message());
}

std::string line_of(const guest::FileEntry& entry) {
  std::string kind;
  switch (entry.type) {
    case guest::FileType::kFolder: kind = "folder"; break;
    case guest::FileType::kRegular: kind = format(entry.size); break;
    case guest::FileType::kSymlink: kind = "link to " + printable(entry.target, kNameShown); break;
    default: kind = "special"; break;
  }
  return printable(entry.path, kNameShown) + (entry.type == guest::FileType::kFolder ? "/" : "") + "  (" + kind + ")";
}

}  // namespace

Task<bj::object> Toolbox::read_file(const Asked& asked, const Arguments& arguments) {
  CO_TRY(const Place place, co_await this->place(asked, arguments.sandbox_id, false));
  CO_TRY(const GuestPath path, path_in(*place.sandbox, arguments.path));
  CO_TRY(guest::Session * session, place.sandbox->session());
  CO_TRY(const guest::FileEntry entry, co_await session->stat(path));
  if (entry.type == guest::FileType::kFolder)
    co_return Error(Code::kConflict, path.text() + " is a folder: list_files shows what is in it");
  if (entry.type != guest::FileType::kRegular) co_return Error(Code::kConflict, path.text() + " is not a regular file");
  std::string bytes;
  const guest::ByteSink keep = [&bytes](std::span<const std::byte> piece) -> Result<> {
    bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
    return {};
  };
  CO_TRY_VOID(co_await session->read_file(path, arguments.offset, arguments.max_bytes + 1, keep));
  Content content;
  content.say(place.note);
  if (const std::string_view picture = picture_type(bytes); arguments.offset == 0 && !picture.empty()) {
    const std::uint64_t most = kPictureMax / 4 * 3;
    if (entry.size.count > most) {
      co_return Error(Code::kInvalidArgument, path.text() + " is a picture of " + format_rounded(entry.size) +
                                                  ", too large to show: make a smaller copy with run_code");
    }
    CO_TRY(guest::Session * again, place.sandbox->session());
    bytes.clear();
    CO_TRY_VOID(co_await again->read_file(path, 0, most, keep));
    content.show(picture, to_base64(bytes));
    co_return std::move(content).result(false);
  }
  const bool is_cut = bytes.size() > arguments.max_bytes;
  if (is_cut) bytes.resize(arguments.max_bytes);
  const std::size_t whole = is_cut ? json::whole_characters(bytes) : bytes.size();
  if (!is_utf8(std::string_view(bytes).substr(0, whole))) {
    co_return Error(Code::kInvalidArgument, path.text() + " is no text (" + format_rounded(entry.size) +
                                                "): work on it with run_code or run_command");
  }
  bytes.resize(whole);
  content.quote(bytes);
  if (bytes.empty()) content.say(arguments.offset == 0 ? "(the file is empty)" : "(the end of the file)");
  if (is_cut) {
    content.say("[… more follows: of " + format(entry.size) + ", go on with offset " +
                std::to_string(arguments.offset + whole) + " …]");
  }
  co_return std::move(content).result(false);
}

Task<bj::object> Toolbox::write_file(const Asked& asked, const Arguments& arguments) {
  CO_TRY(const Place place, co_await this->place(asked, arguments.sandbox_id, true));
  CO_TRY(const GuestPath path, path_in(*place.sandbox, arguments.path));
  CO_TRY(guest::Session * session, place.sandbox->session());
  CO_TRY_VOID(co_await session->write_file(path, std::as_bytes(std::span(arguments.content)),
                                           {.creates_parents = true, .is_exclusive = false}));
  Content content;
  content.say(place.note);
  content.say("Wrote " + std::to_string(arguments.content.size()) + " bytes to " + path.text() + ".");
  co_return std::move(content).result(false);
}

Task<bj::object> Toolbox::list_files(const Asked& asked, const Arguments& arguments) {
  CO_TRY(const Place place, co_await this->place(asked, arguments.sandbox_id, false));
  CO_TRY(const GuestPath path, path_in(*place.sandbox, arguments.path));
  CO_TRY(guest::Session * session, place.sandbox->session());
  CO_TRY(guest::Listing listing, co_await session->list({.path = path, .depth = 0, .max_entries = kEntriesMost}));
  std::ranges::sort(listing.entries, {}, &guest::FileEntry::path);
  Content content;
  content.say(place.note);
  std::string lines = path.text() + (listing.entries.empty() ? " is empty" : ":");
  const std::size_t shown = std::min(listing.entries.size(), kEntriesShown);
  for (std::size_t i = 0; i < shown; ++i) lines += "\n" + line_of(listing.entries[i]);
  content.say(lines);
  if (shown < listing.entries.size() || listing.is_truncated) {
    content.say("and " + std::string(listing.is_truncated ? "at least " : "") +
                std::to_string(listing.entries.size() - shown) + " more: run_command with ls or find shows a part");
  }
  co_return std::move(content).result(false);
}

}  // namespace brig::api::mcp
