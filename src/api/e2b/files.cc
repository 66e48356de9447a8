#include "api/e2b/files.h"

#include <cerrno>

#include <boost/json/value.hpp>

#include "api/common/file_answer.h"
#include "api/e2b/codings.h"
#include "api/e2b/errors.h"
#include "api/e2b/gzip.h"
#include "api/e2b/place.h"
#include "base/text.h"
#include "http/multipart.h"
#include "json/json.h"
#include "policy/processors.h"

namespace brig::api::e2b {
namespace {

namespace bj = boost::json;

/// Of a file that is compressed at a time: a millisecond of the loop's.
constexpr std::uint64_t kPacked = std::uint64_t{64} << 10;

std::string parameter(const http::Exchange& exchange, std::string_view name) {
  const std::string* text = exchange.target().find(name);
  return text != nullptr ? *text : std::string();
}

/// Whose files: the query's user, else the one of `Authorization: Basic`.
Result<> expect_user_of(const http::Exchange& exchange) {
  const std::string named = parameter(exchange, "username");
  return expect_user(named.empty() ? user_of(exchange) : named);
}

std::string missing(const GuestPath& path) { return "path '" + printable(path.text()) + "' does not exist"; }
std::string is_folder(const GuestPath& path) { return "path '" + printable(path.text()) + "' is a directory"; }

Codings accepted_by(const http::Exchange& exchange) {
  std::string all;
  for (const http::Field& field : exchange.headers()) {
    if (http::equals_ignoring_case(field.name, "Accept-Encoding")) all += field.value + ",";
  }
  return codings_of(all);
}

/// Until its end, wherever that is by then: how long the answer is going to be nobody knows.
Task<> send_packed(http::Exchange& exchange, std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path) {
  Gzip gzip;
  std::uint64_t at = 0;
  CO_TRY(std::string piece, co_await read_piece(sandbox, path, at, kPacked));
  CO_TRY_VOID(
      co_await exchange.start(200, {{"Content-Type", "application/octet-stream"}, {"Content-Encoding", "gzip"}}));
  while (!piece.empty()) {
    CO_TRY_VOID(co_await exchange.write(gzip.add(piece)));
    at += piece.size();
    CO_TRY(piece, co_await read_piece(sandbox, path, at, kPacked));
  }
  CO_TRY_VOID(co_await exchange.write(gzip.finish()));
  co_return co_await exchange.finish();
}

bj::object written_json(const GuestPath& path) {
  return {{"name", std::string(path.name())}, {"path", path.text()}, {"type", "file"}};
}

/// Brig's agent keeps no attributes of files.
Result<> expect_no_metadata(const http::Exchange& exchange) {
  constexpr std::string_view kPrefix = "x-metadata-";
  for (const http::Field& field : exchange.headers()) {
    if (field.name.size() > kPrefix.size() &&
        http::equals_ignoring_case(std::string_view(field.name).substr(0, kPrefix.size()), kPrefix))
      return Error(Code::kUnsupported,
                   "metadata of files is not supported: leave " + printable(field.name, 64) + " away");
  }
  return {};
}

/// Writes a file, with the folders that lead to it. What a link at its place leads to is written.
Task<> write_to(std::shared_ptr<sandboxes::Sandbox> sandbox, GuestPath path, guest::ByteSource source) {
  auto there = co_await follow(sandbox, path);
  if (there) {
    if (there->entry.type == guest::FileType::kFolder) co_return Error(Code::kInvalidArgument, is_folder(path));
  } else if (there.error().os_error() != ENOENT && there.error().os_error() != ENOTDIR) {
    co_return std::move(there).error();
  }
  CO_TRY(guest::Session * session, sandbox->session());
  CO_TRY_VOID(co_await session->write_file(there ? there->path : path, std::move(source), {.creates_parents = true}));
  co_return Result<>();
}

}  // namespace

void Files::add_to(http::Router& router) {
  router.add("GET /health", "e2b_health", [this](http::Exchange& e) { return health(e); });
  router.add("GET /envs", "e2b_envs", [this](http::Exchange& e) { return envs(e); });
  router.add("GET /metrics", "e2b_envd_metrics", [this](http::Exchange& e) { return metrics(e); });
  router.add("GET /files", "e2b_file_read", [this](http::Exchange& e) { return read(e); });
  router.add("POST /files", "e2b_file_write", [this](http::Exchange& e) { return write(e); });
}

/// Needs no token: the client asks it to learn whether the sandbox lives.
Task<> Files::health(http::Exchange& exchange) { co_return co_await exchange.send(204, {}, {}); }

Task<> Files::envs(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  CO_TRY_VOID(guests_.expect_access_token(exchange, guest));
  bj::object variables;
  for (const policy::Variable& variable : guest.sandbox->spec().policy.environment)
    variables[variable.name] = variable.value;
  co_return co_await exchange.send_json(200, json::write(variables) + "\n");
}

Task<> Files::metrics(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  CO_TRY_VOID(guests_.expect_access_token(exchange, guest));
  CO_TRY(const runtime::CellReport report, co_await guest.sandbox->stats());
  const policy::Limits& limits = guest.sandbox->spec().policy.limits;
  const double processors = std::max(1U, limits.cpu_millis) / 1000.0;
  const double percent = report.usage.wall.count() > 0 ? 100.0 * static_cast<double>(report.usage.cpu.count()) /
                                                             static_cast<double>(report.usage.wall.count()) / processors
                                                       : 0.0;
  co_return co_await exchange.send_json(200,
                                        json::write(bj::object{{"ts", milliseconds_since_1970(guests_.now()) / 1000},
                                                               {"cpu_count", policy::processors_of(limits)},
                                                               {"cpu_used_pct", percent},
                                                               {"mem_total", limits.memory.count},
                                                               {"mem_used", report.memory.count},
                                                               {"mem_cache", 0},
                                                               {"mem_total_mib", limits.memory.count >> 20},
                                                               {"mem_used_mib", report.memory.count >> 20},
                                                               {"disk_used", 0},
                                                               {"disk_total", limits.disk.count}}) +
                                            "\n");
}

Task<> Files::read(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  CO_TRY_VOID(guests_.expect_file_access(exchange, guest, FileAccess::kRead));
  CO_TRY_VOID(expect_user_of(exchange));
  const Codings codings = accepted_by(exchange);
  if (!codings.may_be_plain && !codings.may_be_gzip)
    co_return co_await exchange.send(
        error_reply(406, "files are sent as they are or as gzip; accept the encoding \"identity\" or \"gzip\""));
  exchange.add_header("Vary", "Accept-Encoding");
  CO_TRY(const GuestPath path, resolve_path(parameter(exchange, "path"), *guest.sandbox));
  const auto found = co_await follow(guest.sandbox, path);
  if (!found && (found.error().os_error() == ENOENT || found.error().os_error() == ENOTDIR))
    co_return Error(Code::kNotFound, missing(path));
  if (!found) co_return found.error();
  if (found->entry.type == guest::FileType::kFolder) co_return Error(Code::kInvalidArgument, is_folder(path));
  if (found->entry.type != guest::FileType::kRegular)
    co_return Error(Code::kInvalidArgument, "path '" + printable(path.text()) + "' is not a regular file");
  // A range is one of the file itself.
  const bool is_part = exchange.header("Range") != nullptr || exchange.method() == "HEAD";
  if (!codings.may_be_plain || (codings.wants_gzip && !is_part))
    co_return co_await send_packed(exchange, guest.sandbox, found->path);
  co_return co_await send_file(exchange, guest.sandbox, found->path, found->entry.size);
}

Task<> Files::write(http::Exchange& exchange) {
  CO_TRY(const Guest guest, guests_.find(exchange));
  CO_TRY_VOID(guests_.expect_file_access(exchange, guest, FileAccess::kWrite));
  CO_TRY_VOID(expect_user_of(exchange));
  CO_TRY_VOID(expect_no_metadata(exchange));
  guest::ByteSource body = [&exchange](std::span<std::byte> buffer) { return exchange.read_some(buffer); };
  const std::string* encoding = exchange.header("Content-Encoding");
  const bool is_packed = encoding != nullptr && !http::equals_ignoring_case(*encoding, "identity");
  if (is_packed && !http::equals_ignoring_case(*encoding, "gzip"))
    co_return co_await exchange.send(error_reply(415, "a body is taken as it is, or with the encoding gzip"));
  std::optional<Gunzip> unpacked;
  if (is_packed) {
    unpacked.emplace(std::move(body));
    body = [&unpacked](std::span<std::byte> buffer) { return unpacked->read_some(buffer); };
  }
  bj::array written;
  if (http::equals_ignoring_case(http::media_type(exchange.headers().get("Content-Type")),
                                 "application/octet-stream")) {
    const std::string text = parameter(exchange, "path");
    if (text.empty()) co_return Error(Code::kInvalidArgument, "path is required when a file is sent as octet-stream");
    CO_TRY(const GuestPath path, resolve_path(text, *guest.sandbox));
    CO_TRY_VOID(co_await write_to(guest.sandbox, path, std::move(body)));
    written.push_back(written_json(path));
  } else {
    CO_TRY(written, co_await write_form(exchange, guest, std::move(body)));
  }
  co_return co_await exchange.send_json(200, json::write(written) + "\n");
}

/// A file for each part "file": at the query's path, else at the part's own file name, folders and all.
Task<bj::array> Files::write_form(http::Exchange& exchange, const Guest& guest, guest::ByteSource body) {
  const std::string* type = exchange.header("Content-Type");
  CO_TRY(const std::string boundary, http::multipart_boundary(type != nullptr ? *type : ""));
  http::MultipartReader reader(boundary, std::move(body));
  const std::string text = parameter(exchange, "path");
  bj::array written;
  while (true) {
    CO_TRY(const auto part, co_await reader.next());
    if (!part) break;
    // Not skipped: it may be of any size, and unpacking it is work.
    if (part->name != "file")
      co_return Error(Code::kInvalidArgument,
                      "the form has a part \"" + printable(part->name, 64) + "\": only parts \"file\" are expected");
    if (text.empty() && part->file_name.value_or("").empty())
      co_return Error(Code::kInvalidArgument, "a part without a file name is expected only with a path in the query");
    CO_TRY(const GuestPath path, resolve_path(text.empty() ? *part->file_name : text, *guest.sandbox));
    CO_TRY_VOID(co_await write_to(guest.sandbox, path,
                                  [&reader](std::span<std::byte> buffer) { return reader.read_some(buffer); }));
    written.push_back(written_json(path));
  }
  if (written.empty()) co_return Error(Code::kInvalidArgument, "the form has no part \"file\"");
  co_return written;
}

}  // namespace brig::api::e2b
