#include "api/v1/render.h"

#include <boost/json/value.hpp>

#include "json/json.h"
#include "service/report.h"

namespace brig::api::v1 {
namespace {

namespace bj = boost::json;

template <class T>
bj::value or_null(const std::optional<T>& value) {
  return value ? bj::value(*value) : bj::value();
}

bj::value time_or_null(const std::optional<WallTime>& time) { return time ? bj::value(format(*time)) : bj::value(); }

/// Thousandths as people write them: 1, 0.5.
bj::value thousandths(std::int64_t count) {
  if (count % 1000 == 0) return count / 1000;
  return static_cast<double>(count) / 1000;
}

bj::value seconds_or_null(const std::optional<Milliseconds>& time) {
  if (!time) return nullptr;
  return thousandths(time->count());
}

bj::array strings(const std::vector<std::string>& list) {
  bj::array array;
  for (const std::string& one : list) array.emplace_back(one);
  return array;
}

bj::object limits_json(const policy::Limits& limits) {
  return {{"timeout_seconds", seconds_or_null(limits.timeout)},
          {"memory_bytes", limits.memory.count},
          {"cpus", thousandths(limits.cpu_millis)},
          {"pids", limits.pids},
          {"open_files", limits.open_files},
          {"disk_bytes", limits.disk.count},
          {"inodes", limits.inodes},
          {"output_bytes", limits.output.count},
          {"output_total_bytes", limits.output_total.count}};
}

/// What PandaStack's clients look for beside our own names.
void add_shape(bj::object& object, const policy::Limits& limits) {
  object["cpu"] = thousandths(limits.cpu_millis);
  object["memory_mb"] = limits.memory.count >> 20;
  object["limits"] = limits_json(limits);
}

}  // namespace

bj::object to_json(const sandboxes::Sandbox& sandbox) {
  const sandboxes::SandboxSpec& spec = sandbox.spec();
  const sandboxes::Lifecycle& life = sandbox.life();
  bj::object metadata;
  for (const policy::Variable& pair : spec.metadata) metadata[pair.name] = pair.value;
  if (!spec.fork_tree_id.empty()) metadata["fork_tree_id"] = spec.fork_tree_id;
  bj::object object{
      {"id", spec.id},
      {"template", spec.template_name},
      {"status", std::string(to_string(life.state(), life.end_reason()))},
      {"runtime", sandbox.attestation().runtime},
      {"boundary", std::string(policy::to_string(sandbox.attestation().boundary))},
      {"weaknesses", strings(sandbox.attestation().weaknesses)},
      {"capabilities", to_json(spec.capabilities)},
      {"metadata", std::move(metadata)},
      {"created_at", format(sandbox.created_at())},
      {"expires_at", time_or_null(life.expires_at())},
      {"ttl_seconds", seconds_or_null(life.lifespan().ttl)},
      {"idle_seconds", seconds_or_null(life.lifespan().idle)},
      {"persistent", !life.lifespan().ttl.has_value()},
      {"last_active_at", format(life.last_used())},
      {"parent_id", spec.parent_id.empty() ? bj::value() : bj::value(spec.parent_id)},
      {"from_snapshot", spec.snapshot_id.empty() ? bj::value() : bj::value(spec.snapshot_id)},
  };
  add_shape(object, spec.policy.limits);
  return object;
}

bj::object to_json(const runtime::Capabilities& capabilities) {
  // What is kept or copied of a sandbox is its files, on every wall so far.
  return {{"pause", capabilities.may_pause}, {"images", capabilities.may_use_images}, {"snapshots", "files"}};
}

bj::object to_json(const store::Sandbox& record) {
  bj::object metadata;
  for (const auto& [name, value] : record.metadata) metadata[name] = value;
  return {
      {"id", record.id},
      {"template", record.template_name},
      {"status", std::string(store::to_string(record.state))},
      {"runtime", record.runtime},
      {"boundary", record.boundary},
      {"metadata", std::move(metadata)},
      {"created_at", format(record.created_at)},
      {"expires_at", time_or_null(record.deadline)},
      {"ttl_seconds", seconds_or_null(record.ttl)},
      {"idle_seconds", seconds_or_null(record.idle)},
      {"persistent", record.is_persistent},
      {"parent_id", or_null(record.parent_id)},
      {"from_snapshot", or_null(record.snapshot_id)},
      {"ended_at", time_or_null(record.ended_at)},
      {"end_reason", or_null(record.end_reason)},
      {"end_detail", or_null(record.end_detail)},
  };
}

bj::object to_json(const sandboxes::Command& command) {
  bj::object object{
      {"id", command.id()},
      {"pid", command.pid()},
      {"argv", strings(command.spec().argv)},
      {"cwd", command.spec().cwd},
      {"terminal", command.spec().terminal.has_value()},
      {"timeout_seconds", seconds_or_null(command.spec().timeout)},
      {"started_at", format(command.started_at())},
      {"running", !command.end().has_value()},
      {"stdout_bytes", command.out().total()},
      {"stderr_bytes", command.err().total()},
      {"stdout_dropped", command.out().dropped()},
      {"stderr_dropped", command.err().dropped()},
  };
  if (const auto& end = command.end()) {
    const runtime::Exit& exit = end->exit;
    object["status"] = std::string(status_of(exit));
    object["exit_code"] = exit_code_of(exit);
    object["signal"] = exit.cause == runtime::Cause::kSignalled || exit.cause == runtime::Cause::kMemoryLimit
                           ? bj::value(exit.value)
                           : bj::value();
    object["duration_ms"] = exit.usage.wall.count();
    object["cpu_ms"] = exit.usage.cpu.count();
    object["peak_memory_bytes"] = exit.usage.peak_memory.count;
    object["limits_hit"] = strings(end->limits_hit);
    object["note"] = end->note.empty() ? bj::value() : bj::value(end->note);
  }
  return object;
}

Result<bj::object> result_json(const sandboxes::Command& command) {
  const auto out = TRY(command.out().text(command.limit_of_text()));
  const auto err = TRY(command.err().text(command.limit_of_text()));
  bj::object object = to_json(command);
  object["stdout"] = out.text;
  object["stderr"] = err.text;
  object["stdout_elided"] = out.elided;
  object["stderr_elided"] = err.elided;
  return object;
}

bj::object to_json(const guest::FileEntry& entry, std::string_view name) {
  using guest::FileType;
  std::string_view type = "other";
  switch (entry.type) {
    case FileType::kRegular: type = "file"; break;
    case FileType::kFolder: type = "dir"; break;
    case FileType::kSymlink: type = "symlink"; break;
    default: break;
  }
  bj::object object{
      {"name", std::string(name)},
      {"type", std::string(type)},
      {"is_dir", entry.type == FileType::kFolder},
      {"size", entry.size.count},
      {"mode", entry.mode},
      {"mtime", format(WallTime(std::chrono::duration_cast<Milliseconds>(entry.mtime)))},
  };
  if (entry.type == FileType::kSymlink) object["target"] = entry.target;
  return object;
}

bj::object to_json(const runtime::CellReport& report, const policy::Limits& limits) {
  return {{"cpu_ms", report.usage.cpu.count()},
          {"memory_bytes", report.memory.count},
          {"peak_memory_bytes", report.usage.peak_memory.count},
          {"memory_limit_bytes", limits.memory.count},
          {"pids", report.pids},
          {"pids_limit", limits.pids},
          {"disk_limit_bytes", limits.disk.count},  // what is used only the guest could say, and it is not asked
          {"uptime_ms", report.usage.wall.count()},
          {"memory_kills", report.memory_kills},
          {"pids_refusals", report.pids_refusals}};
}

std::string text_of(const bj::object& object) { return json::write(object) + "\n"; }

}  // namespace brig::api::v1
