#include "runtimes/process/launch.h"

#include <algorithm>

#include "base/paths.h"
#include "runtimes/process/packing.h"

namespace brig::runtimes::process {
namespace {

/// First in a request, and no Reply begins with it: a warden's answers, sent where an asker's requests arrive, stay
/// nonsense.
constexpr std::uint8_t kRequestTag = 0x4c;

std::string string_of(PackedText text) { return {text.data, text.size}; }

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 &&
         std::ranges::all_of(id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

bool is_digest(std::string_view text) {
  return text.size() == 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Bounds that keep a wrong or hostile request from hurting the host; the policy's own are tighter.
Result<> check(const LaunchRequest& request) {
  const auto bad = [](std::string_view what) {
    return Error(Code::kInvalidArgument, "the launch request is out of bounds: " + std::string(what));
  };
  if (!is_id(request.id)) return bad("id");
  if (request.memory < mebibytes(4) || request.memory > gibibytes(16384)) return bad("memory");
  if (request.cpu_millis < 10 || request.cpu_millis > 1'024'000) return bad("cpu");
  if (request.pids < 2 || request.pids > 1'000'000) return bad("pids");
  if (request.open_files < 8 || request.open_files > 1'048'576) return bad("open files");
  if (request.disk < kibibytes(64) || request.disk > gibibytes(16384)) return bad("disk");
  if (request.inodes < 16) return bad("inodes");
  if (request.lifetime.count() < 0 || request.lifetime > kMaxLifetime) return bad("lifetime");
  if (request.mounts.size() > kMaxMounts) return bad("mounts");
  if (request.is_writable && request.wall != Wall::kProcess) return bad("a root that can be written");
  for (const LaunchMount& mount : request.mounts) {
    const auto inside = GuestPath::parse("/" + mount.path);
    if (!inside.has_value() || inside->text() != "/" + mount.path) return bad("a mount's place");
    const auto outside = HostPath::parse(mount.host);
    if (!outside.has_value() || outside->text() != mount.host) return bad("a mount's source");
  }
  if (!request.image.empty() && !is_digest(request.image)) return bad("the image's digest");
  if (request.layers > (request.is_writable ? kMaxLayers : 0)) return bad("layers");
  if (request.is_writable && request.layers == 0 && request.image.empty()) return bad("a root on top of nothing");
  return {};
}

}  // namespace

std::string encode(const LaunchRequest& request) {
  Packer out;
  out.number(kRequestTag);
  out.text(request.id);
  out.number(static_cast<std::uint8_t>(request.wall));
  out.number(request.memory.count);
  out.number(request.cpu_millis);
  out.number(request.pids);
  out.number(request.open_files);
  out.number(request.cpu_seconds);
  out.number(request.disk.count);
  out.number(request.inodes);
  out.number(static_cast<std::int64_t>(request.lifetime.count()));
  out.number(static_cast<std::uint32_t>(request.mounts.size()));
  for (const LaunchMount& mount : request.mounts) {
    out.text(mount.host);
    out.text(mount.path);
    out.number(static_cast<std::uint8_t>(mount.is_folder));
    out.number(static_cast<std::uint8_t>(mount.is_writable));
  }
  out.text(request.image);
  out.number(static_cast<std::uint8_t>(request.is_writable));
  out.number(request.layers);
  return out.take();
}

Result<LaunchRequest> decode_request(std::span<const char> bytes) {
  Unpacker in(bytes);
  if (in.number<std::uint8_t>() != kRequestTag) return Error(Code::kInvalidArgument, "this is no launch request");
  LaunchRequest request;
  request.id = string_of(in.text());
  const auto wall = in.number<std::uint8_t>();
  if (wall > static_cast<std::uint8_t>(kLastWall))
    return Error(Code::kInvalidArgument, "the launch request is out of bounds: wall");
  request.wall = static_cast<Wall>(wall);
  request.memory = Bytes{in.number<std::uint64_t>()};
  request.cpu_millis = in.number<std::uint32_t>();
  request.pids = in.number<std::uint32_t>();
  request.open_files = in.number<std::uint32_t>();
  request.cpu_seconds = in.number<std::uint64_t>();
  request.disk = Bytes{in.number<std::uint64_t>()};
  request.inodes = in.number<std::uint32_t>();
  request.lifetime = Milliseconds(in.number<std::int64_t>());
  const auto mounts = in.number<std::uint32_t>();
  if (mounts > kMaxMounts) return Error(Code::kInvalidArgument, "the launch request has too many mounts");
  for (std::uint32_t i = 0; i < mounts && !in.is_bad(); ++i) {
    LaunchMount mount;
    mount.host = string_of(in.text());
    mount.path = string_of(in.text());
    mount.is_folder = in.number<std::uint8_t>() != 0;
    mount.is_writable = in.number<std::uint8_t>() != 0;
    request.mounts.push_back(std::move(mount));
  }
  request.image = string_of(in.text());
  request.is_writable = in.number<std::uint8_t>() != 0;
  request.layers = in.number<std::uint32_t>();
  if (in.is_bad() || !in.is_at_end()) return Error(Code::kInvalidArgument, "the launch request is malformed");
  TRY(check(request));
  return request;
}

std::string encode(const AskMessage& question) {
  Packer out;
  out.number(static_cast<std::uint8_t>(question.what));
  out.number(question.serial);
  out.number(static_cast<std::int64_t>(question.lifetime.count()));
  return out.take();
}

Result<AskMessage> decode_ask(std::span<const char> bytes) {
  Unpacker in(bytes);
  const auto what = in.number<std::uint8_t>();
  AskMessage question{.what = static_cast<Ask>(what), .serial = in.number<std::uint32_t>()};
  question.lifetime = Milliseconds(in.number<std::int64_t>());
  const bool is_known = what >= static_cast<std::uint8_t>(Ask::kStats) && what <= static_cast<std::uint8_t>(kLastAsk);
  if (in.is_bad() || !in.is_at_end() || !is_known || question.lifetime.count() < 0 || question.lifetime > kMaxLifetime)
    return Error(Code::kInvalidArgument, "a warden was asked nonsense");
  return question;
}

namespace {

void pack(Packer& out, const Error& error) {
  out.number(static_cast<std::uint8_t>(error.code()));
  out.text(error.message());
}

Error unpack_error(Unpacker& in) {
  const auto code = std::min(in.number<std::uint8_t>(), static_cast<std::uint8_t>(Code::kInternal));
  return {static_cast<Code>(code), string_of(in.text())};
}

void pack(Packer& out, const runtime::CellReport& report) {
  out.number(static_cast<std::int64_t>(report.usage.wall.count()));
  out.number(static_cast<std::int64_t>(report.usage.cpu.count()));
  out.number(report.usage.peak_memory.count);
  out.number(report.memory_kills);
  out.number(report.pids_refusals);
  out.number(static_cast<std::uint8_t>(report.has_expired));
  out.number(report.memory.count);
  out.number(report.pids);
}

runtime::CellReport unpack_report(Unpacker& in) {
  runtime::CellReport report;
  report.usage.wall = Milliseconds(in.number<std::int64_t>());
  report.usage.cpu = Milliseconds(in.number<std::int64_t>());
  report.usage.peak_memory = Bytes{in.number<std::uint64_t>()};
  report.memory_kills = in.number<std::uint64_t>();
  report.pids_refusals = in.number<std::uint64_t>();
  report.has_expired = in.number<std::uint8_t>() != 0;
  report.memory = Bytes{in.number<std::uint64_t>()};
  report.pids = in.number<std::uint64_t>();
  return report;
}

void pack(Packer& out, const std::vector<std::string>& texts) {
  out.number(static_cast<std::uint32_t>(texts.size()));
  for (const std::string& text : texts) out.text(text);
}

std::vector<std::string> unpack_texts(Unpacker& in) {
  std::vector<std::string> texts;
  const auto count = in.number<std::uint32_t>();
  for (std::uint32_t i = 0; i < count && !in.is_bad(); ++i) texts.push_back(string_of(in.text()));
  return texts;
}

template <class Number>
void pack(Packer& out, const std::optional<Number>& number) {
  out.number(static_cast<std::uint8_t>(number.has_value()));
  out.number(number.value_or(0));
}

template <class Number>
std::optional<Number> unpack_optional(Unpacker& in) {
  const bool has_value = in.number<std::uint8_t>() != 0;
  const auto value = in.number<Number>();
  return has_value ? std::optional(value) : std::nullopt;
}

void pack(Packer& out, const runtime::Attestation& a) {
  out.text(a.runtime);
  out.number(static_cast<std::uint8_t>(a.boundary));
  out.text(a.kernel);
  pack(out, a.namespaces);
  out.text(a.user_mapping);
  out.text(a.capabilities);
  out.number(static_cast<std::uint8_t>(a.no_new_privs));
  out.text(a.seccomp.profile_hash);
  out.text(a.seccomp.default_action);
  out.number(a.seccomp.allowed);
  out.number(a.seccomp.filters);
  out.number(a.landlock.abi);
  out.number(a.landlock.rules);
  out.text(a.lsm_label);
  out.text(a.cgroup.version);
  pack(out, a.cgroup.memory_bytes);
  pack(out, a.cgroup.pids);
  pack(out, a.cgroup.cpu_millis);
  out.number(static_cast<std::uint8_t>(a.rootfs.is_read_only));
  out.text(a.rootfs.image);
  out.text(a.rootfs.format);
  out.text(a.network);
  pack(out, a.weaknesses);
}

runtime::Attestation unpack_attestation(Unpacker& in) {
  runtime::Attestation a;
  a.runtime = string_of(in.text());
  a.boundary = static_cast<policy::Boundary>(std::min<std::uint8_t>(in.number<std::uint8_t>(), 2));
  a.kernel = string_of(in.text());
  a.namespaces = unpack_texts(in);
  a.user_mapping = string_of(in.text());
  a.capabilities = string_of(in.text());
  a.no_new_privs = in.number<std::uint8_t>() != 0;
  a.seccomp.profile_hash = string_of(in.text());
  a.seccomp.default_action = string_of(in.text());
  a.seccomp.allowed = in.number<std::uint32_t>();
  a.seccomp.filters = in.number<std::uint32_t>();
  a.landlock.abi = in.number<int>();
  a.landlock.rules = in.number<std::uint32_t>();
  a.lsm_label = string_of(in.text());
  a.cgroup.version = string_of(in.text());
  a.cgroup.memory_bytes = unpack_optional<std::uint64_t>(in);
  a.cgroup.pids = unpack_optional<std::uint64_t>(in);
  a.cgroup.cpu_millis = unpack_optional<std::uint32_t>(in);
  a.rootfs.is_read_only = in.number<std::uint8_t>() != 0;
  a.rootfs.image = string_of(in.text());
  a.rootfs.format = string_of(in.text());
  a.network = string_of(in.text());
  a.weaknesses = unpack_texts(in);
  return a;
}

}  // namespace

std::string encode(const Reply& reply) {
  Packer out;
  out.number(static_cast<std::uint8_t>(reply.index()));
  if (const auto* ready = std::get_if<Ready>(&reply)) {
    pack(out, ready->attestation);
  } else if (const auto* failed = std::get_if<Failed>(&reply)) {
    pack(out, failed->error);
  } else if (const auto* answer = std::get_if<Answer>(&reply)) {
    out.number(answer->serial);
    out.number(static_cast<std::uint8_t>(answer->error.has_value()));
    if (answer->error.has_value()) pack(out, *answer->error);
    pack(out, answer->report);
  } else {
    pack(out, std::get<Ended>(reply).report);
  }
  return out.take();
}

Result<Reply> decode_reply(std::span<const char> bytes) {
  Unpacker in(bytes);
  const auto kind = in.number<std::uint8_t>();
  Reply reply = Ended{};
  if (kind == 0) {
    reply = Ready{unpack_attestation(in)};
  } else if (kind == 1) {
    reply = Failed{unpack_error(in)};
  } else if (kind == 2) {
    Answer answer{.serial = in.number<std::uint32_t>()};
    if (in.number<std::uint8_t>() != 0) answer.error = unpack_error(in);
    answer.report = unpack_report(in);
    reply = std::move(answer);
  } else if (kind == 3) {
    reply = Ended{unpack_report(in)};
  } else {
    return Error(Code::kInternal, "brig-launch sent a message of an unknown kind");
  }
  if (in.is_bad() || !in.is_at_end()) return Error(Code::kInternal, "brig-launch sent a malformed message");
  return reply;
}

}  // namespace brig::runtimes::process
