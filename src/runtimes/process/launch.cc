#include "runtimes/process/launch.h"

#include <algorithm>

#include "base/paths.h"
#include "runtimes/process/packing.h"

namespace brig::runtimes::process {
namespace {

std::string string_of(PackedText text) { return {text.data, text.size}; }

bool is_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 &&
         std::ranges::all_of(id, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
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
  if (request.lifetime.count() < 0) return bad("lifetime");
  if (request.mounts.size() > kMaxMounts) return bad("mounts");
  for (const LaunchMount& mount : request.mounts) {
    const auto inside = GuestPath::parse("/" + mount.path);
    if (!inside.has_value() || inside->text() != "/" + mount.path) return bad("a mount's place");
    const auto outside = HostPath::parse(mount.host);
    if (!outside.has_value() || outside->text() != mount.host) return bad("a mount's source");
  }
  return {};
}

}  // namespace

std::string encode(const LaunchRequest& request) {
  Packer out;
  out.text(request.id);
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
  return out.take();
}

Result<LaunchRequest> decode_request(std::span<const char> bytes) {
  Unpacker in(bytes);
  LaunchRequest request;
  request.id = string_of(in.text());
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
  if (in.is_bad() || !in.is_at_end()) return Error(Code::kInvalidArgument, "the launch request is malformed");
  TRY(check(request));
  return request;
}

namespace {

void pack(Packer& out, const runtime::CellReport& report) {
  out.number(static_cast<std::int64_t>(report.usage.wall.count()));
  out.number(static_cast<std::int64_t>(report.usage.cpu.count()));
  out.number(report.usage.peak_memory.count);
  out.number(report.memory_kills);
  out.number(report.pids_refusals);
  out.number(static_cast<std::uint8_t>(report.has_expired));
}

runtime::CellReport unpack_report(Unpacker& in) {
  runtime::CellReport report;
  report.usage.wall = Milliseconds(in.number<std::int64_t>());
  report.usage.cpu = Milliseconds(in.number<std::int64_t>());
  report.usage.peak_memory = Bytes{in.number<std::uint64_t>()};
  report.memory_kills = in.number<std::uint64_t>();
  report.pids_refusals = in.number<std::uint64_t>();
  report.has_expired = in.number<std::uint8_t>() != 0;
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
    out.number(static_cast<std::uint8_t>(failed->error.code()));
    out.text(failed->error.message());
  } else if (const auto* stats = std::get_if<Stats>(&reply)) {
    pack(out, stats->report);
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
    const auto code = std::min(in.number<std::uint8_t>(), static_cast<std::uint8_t>(Code::kInternal));
    reply = Failed{Error(static_cast<Code>(code), string_of(in.text()))};
  } else if (kind == 2) {
    reply = Stats{unpack_report(in)};
  } else if (kind == 3) {
    reply = Ended{unpack_report(in)};
  } else {
    return Error(Code::kInternal, "brig-launch sent a message of an unknown kind");
  }
  if (in.is_bad() || !in.is_at_end()) return Error(Code::kInternal, "brig-launch sent a malformed message");
  return reply;
}

}  // namespace brig::runtimes::process
