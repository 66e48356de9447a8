#include "service/kernel.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include <boost/json/value.hpp>

#include "base/text.h"
#include "json/json.h"
#include "service/driver_files.h"

namespace brig::service {
namespace {

namespace bj = boost::json;

constexpr std::string_view kFolder = "/tmp/.brig/kernel/";
constexpr std::array<std::string_view, 5> kStatuses{"ok", "error", "interrupted", "timeout", "exit"};

/// A name that a kernel is in its folder, and its text.
struct Part {
  std::string_view name;
  std::string_view text;
};

constexpr std::array kPythonParts = {
    Part{"kernel.py", kPythonKernel},   Part{"rich.py", kPythonRich},         Part{"shows.py", kPythonShows},
    Part{"charts.py", kPythonCharts},   Part{"failures.py", kPythonFailures}, Part{"magics.py", kPythonMagics},
    Part{"ipython.py", kPythonIpython},
};
constexpr Part kPythonZygotePart{"zygote.py", kPythonZygote};
constexpr std::array kNodeParts = {
    Part{"kernel.cjs", kNodeKernel},         Part{"guard.cjs", kNodeGuard},   Part{"imports.cjs", kNodeImports},
    Part{"typescript.cjs", kNodeTypescript}, Part{"values.cjs", kNodeValues},
};
constexpr std::array kJavaParts = {Part{"Kernel.java", kJavaKernel}};
constexpr std::array kRParts = {Part{"kernel.R", kRKernel}, Part{"json.R", kRJson}, Part{"shows.R", kRShows},
                                Part{"masks.R", kRMasks}};
constexpr std::array kShellParts = {Part{"kernel.sh", kShellKernel}, Part{"cells.sh", kShellCells}};

/// The first is the kernel itself. Empty for a language that has none.
std::span<const Part> parts_of(std::string_view language) {
  if (language == "python") return kPythonParts;
  if (language == "javascript" || language == "typescript") return kNodeParts;
  if (language == "java") return kJavaParts;
  if (language == "r") return kRParts;
  if (language == "bash") return kShellParts;
  return {};
}

/// What stands between the interpreter and the kernel's file. A Java machine does not see the sandbox's own limit; what
/// its heap leaves is for the rest of it, and for the compiler.
std::vector<std::string> options_of(std::string_view language, Bytes memory) {
  if (language != "java") return {};
  const std::uint64_t heap = std::max(std::uint64_t{64}, (memory.count >> 20U) / 2);
  return {"-Xmx" + std::to_string(heap) + "m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--add-opens",
          "java.base/java.io=ALL-UNNAMED"};
}

/// Variables that act when a program or one of its libraries starts, and those whose names begin so.
constexpr std::array<std::string_view, 13> kStartNames{"PATH",        "HOME",        "USER",         "LANG", "LANGUAGE",
                                                       "TZ",          "TMPDIR",      "TMP",          "TEMP", "TERM",
                                                       "VIRTUAL_ENV", "BRIG_ENGINE", "SSLKEYLOGFILE"};
constexpr std::array<std::string_view, 24> kStartPrefixes{
    "PYTHON",    "LC_",   "LD_",        "MALLOC_", "GLIBC_",   "GOMP_",    "OMP_", "KMP_",
    "OPENBLAS_", "GOTO_", "BLIS_",      "MKL_",    "VECLIB_",  "NUMEXPR_", "NPY_", "NUMPY_",
    "PANDAS_",   "MPL",   "MATPLOTLIB", "PYTZ_",   "OPENSSL_", "SSL_",     "XDG_", "IPYTHON"};

bool acts_at_start(std::string_view name) {
  return std::ranges::find(kStartNames, name) != kStartNames.end() ||
         std::ranges::any_of(kStartPrefixes, [&](std::string_view prefix) { return name.starts_with(prefix); });
}

std::map<std::string_view, std::string_view> start_variables(const std::vector<std::string>& environment) {
  std::map<std::string_view, std::string_view> found;
  for (const std::string_view variable : environment) {
    const std::string_view name = variable.substr(0, variable.find('='));
    if (acts_at_start(name)) found[name] = variable;
  }
  return found;
}

std::optional<std::int64_t> integer_of(const bj::object& record, std::string_view key) {
  const bj::value* value = record.if_contains(key);
  if (value == nullptr || !value->is_int64()) return {};
  return value->get_int64();
}

}  // namespace

Result<Launch> kernel_of(const Language& language, Bytes memory) {
  const std::span<const Part> parts = parts_of(language.name);
  if (parts.empty())
    return Error(Code::kUnsupported, "there is no context for " + std::string(language.name) + ": run it as a command");
  // A folder each: kernels of several languages may live in one sandbox.
  const std::string folder = std::string(kFolder) + std::string(language.name) + "/";
  Launch launch{.argv = {std::string(language.interpreter)}, .files = {}};
  for (std::string& option : options_of(language.name, memory)) launch.argv.push_back(std::move(option));
  launch.argv.push_back(folder + std::string(parts.front().name));
  if (language.name == "typescript") launch.argv.emplace_back(language.name);
  for (const Part& part : parts)
    launch.files.push_back({TRY(GuestPath::parse(folder + std::string(part.name))), part.text});
  return launch;
}

std::vector<std::string> usual_modules() { return {"numpy", "pandas", "matplotlib.pyplot"}; }

Result<Launch> zygote_of(const Language& language, const std::vector<std::string>& modules) {
  if (language.name != "python")
    return Error(Code::kUnsupported, std::string(language.name) + " is not forked for contexts");
  Launch launch = TRY(kernel_of(language, Bytes{}));  // its size is no matter of Python's start
  const std::string path =
      std::string(kFolder) + std::string(language.name) + "/" + std::string(kPythonZygotePart.name);
  launch.argv.back() = path;
  launch.argv.insert(launch.argv.end(), modules.begin(), modules.end());
  launch.files.push_back({TRY(GuestPath::parse(path)), kPythonZygotePart.text});
  return launch;
}

bool starts_alike(const std::vector<std::string>& one, const std::vector<std::string>& other) {
  return start_variables(one) == start_variables(other);
}

Result<> check_cell(const Cell& cell) {
  if (cell.code.size() > kCellMax)
    return Error(Code::kInvalidArgument, "a cell has at most " + format(Bytes{kCellMax}) + " of code");
  if (!is_utf8(cell.code)) return Error(Code::kInvalidArgument, "a cell's code is UTF-8 text");
  return {};
}

Result<std::string> run_request(std::int64_t id, const Cell& cell) {
  TRY(check_cell(cell));
  bj::object request{{"op", "run"}, {"id", id}, {"code", cell.code}};
  if (cell.timeout) request["timeout_ms"] = cell.timeout->count();
  if (!cell.cwd.empty()) request["cwd"] = cell.cwd;
  if (!cell.environment.empty()) {
    bj::object environment;
    for (const policy::Variable& variable : cell.environment) environment[variable.name] = variable.value;
    request["env"] = std::move(environment);
  }
  return json::write(request) + "\n";
}

std::optional<KernelEvent> parse_kernel_event(std::string_view line) {
  const auto record = parse_record(line);
  if (!record) return {};
  const std::string type = text_of(*record, "type");
  KernelEvent event;
  if (type == "ready") return event;
  const auto id = integer_of(*record, "id");
  if (!id) return {};
  event.id = *id;
  if (type == "begin") {
    event.type = KernelEvent::Type::kBegin;
    event.count = integer_of(*record, "count").value_or(0);
    return event;
  }
  if (type == "error") {
    event.type = KernelEvent::Type::kError;
    event.error = error_of(*record);
    return event;
  }
  if (type == "result") {
    auto result = result_of(*record);
    if (!result) return {};
    event.type = KernelEvent::Type::kResult;
    event.result = *std::move(result);
    const bj::value* main = record->if_contains("is_main");
    event.is_main = main != nullptr && main->is_bool() && main->get_bool();
    return event;
  }
  if (type != "end") return {};
  event.type = KernelEvent::Type::kEnd;
  event.status = text_of(*record, "status");
  if (std::ranges::find(kStatuses, event.status) == kStatuses.end()) return {};
  if (const auto code = integer_of(*record, "exit_code")) event.exit_code = static_cast<int>(*code & 0xff);
  return event;
}

}  // namespace brig::service
