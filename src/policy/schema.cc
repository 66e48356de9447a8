#include "policy/schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/check.h"
#include "base/text.h"
#include "policy/preset.h"

namespace brig::policy {
namespace {

std::int64_t to_number(Milliseconds value) { return value.count(); }
std::int64_t to_number(Bytes value) {
  return static_cast<std::int64_t>(std::min<std::uint64_t>(value.count, INT64_MAX));
}
std::int64_t to_number(std::uint32_t value) { return value; }

void assign(Milliseconds& to, std::int64_t value) { to = Milliseconds(value); }
void assign(Bytes& to, std::int64_t value) { to = Bytes{static_cast<std::uint64_t>(value)}; }
void assign(std::uint32_t& to, std::int64_t value) { to = static_cast<std::uint32_t>(value); }

template <class T>
Scalar to_scalar(const T& value) {
  return to_number(value);
}
template <class T>
Scalar to_scalar(const std::optional<T>& value) {
  return value ? Scalar(to_number(*value)) : std::nullopt;
}
template <class T>
void assign_scalar(T& to, Scalar value) {
  BRIG_CHECK(value.has_value(), "\"none\" for a key that must have a value");
  assign(to, *value);
}
template <class T>
void assign_scalar(std::optional<T>& to, Scalar value) {
  to.reset();
  if (value) assign(to.emplace(), *value);
}

template <auto Member>
Scalar get_limit(const Policy& policy) {
  return to_scalar(policy.limits.*Member);
}
template <auto Member>
void set_limit(Policy& policy, Scalar value) {
  assign_scalar(policy.limits.*Member, value);
}

template <auto Member>
Scalar get_choice(const Policy& policy) {
  return static_cast<std::int64_t>(policy.*Member);
}
template <auto Member>
void set_choice(Policy& policy, Scalar value) {
  BRIG_CHECK(value.has_value(), "\"none\" for a key that must have a value");
  policy.*Member = static_cast<std::remove_cvref_t<decltype(policy.*Member)>>(*value);
}

Scalar get_network_mode(const Policy& policy) { return static_cast<std::int64_t>(policy.network.mode); }
void set_network_mode(Policy& policy, Scalar value) {
  BRIG_CHECK(value.has_value(), "\"none\" for a key that must have a value");
  policy.network.mode = static_cast<NetworkMode>(*value);
}

// In the order of the enumerators (schema_test checks it).
constexpr std::array<std::string_view, 2> kAccesses{"read-only", "read-write"};
constexpr std::array<std::string_view, 1> kNetworkModes{"none"};
constexpr std::array<std::string_view, 3> kBoundaries{"shared-kernel", "user-space-kernel", "hardware"};
constexpr std::array<std::string_view, 2> kOnWeaknesses{"report", "refuse"};

constexpr std::int64_t kDay = 86'400'000;
constexpr std::int64_t kKibi = 1 << 10;
constexpr std::int64_t kMebi = 1 << 20;
constexpr std::int64_t kTebi = std::int64_t{1} << 40;

template <auto Member>
constexpr Field limit(std::string_view path, std::string_view flag, Kind kind, std::int64_t least, std::int64_t most,
                      std::string_view doc) {
  return {.path = path,
          .flag = flag,
          .kind = kind,
          .least = least,
          .most = most,
          .may_be_none = false,
          .choices = {},
          .doc = doc,
          .get = get_limit<Member>,
          .set = set_limit<Member>};
}

constexpr Field optional(Field field) {
  field.may_be_none = true;
  return field;
}

constexpr Field choice(std::string_view path, std::string_view flag, std::span<const std::string_view> choices,
                       std::string_view doc, Scalar (*get)(const Policy&), void (*set)(Policy&, Scalar)) {
  return {.path = path,
          .flag = flag,
          .kind = Kind::kChoice,
          .least = 0,
          .most = static_cast<std::int64_t>(choices.size()) - 1,
          .may_be_none = false,
          .choices = choices,
          .doc = doc,
          .get = get,
          .set = set};
}

constexpr Field text(std::string_view path, std::string_view flag, std::span<const std::string_view> choices,
                     std::string_view doc) {
  return {.path = path,
          .flag = flag,
          .kind = choices.empty() ? Kind::kText : Kind::kChoice,
          .least = 0,
          .most = 0,
          .may_be_none = false,
          .choices = choices,
          .doc = doc,
          .get = nullptr,
          .set = nullptr};
}

using enum Kind;
using L = Limits;
constexpr std::array kFields{
    text("preset", "", kPresetNames, "The starting point; every other key of the file changes it."),
    limit<&L::timeout>("limits.timeout", "--timeout", kDuration, 1, kDay,
                       "Wall-clock time of one command, enforced even if every Brig process is stopped."),
    optional(
        limit<&L::cpu_time>("limits.cpu_time", "--cpu-time", kDuration, 1, kDay,
                            "CPU time of one process; with \"none\" only the timeout and the processors bound it.")),
    limit<&L::memory>(
        "limits.memory", "--memory", kSize, 4 * kMebi, 16 * kTebi,
        "Memory of all processes and of the files in the scratch folders together; never swapped. Scratch that "
        "lies on the disk (limits.disk) does not count."),
    limit<&L::cpu_millis>("limits.cpus", "--cpus", kProcessors, 50, 1'024'000,
                          "Processors, which may be a fraction of one."),
    limit<&L::pids>("limits.pids", "--pids", kCount, 1, 32'768, "Processes and threads at the same time."),
    limit<&L::open_files>("limits.open_files", "", kCount, 16, 1'048'576, "Open files of each process."),
    limit<&L::disk>(
        "limits.disk", "--disk", kSize, 64 * kKibi, 16 * kTebi,
        "Bytes in /tmp, /workspace, /home/user and /dev/shm together. They lie in memory, of which an eighth, and a "
        "KiB "
        "for each of limits.inodes, stay free of them; as root, where mke2fs is installed, more than that lies on the "
        "host's disk, in /var/tmp, and a sandbox takes 0.1 s longer to start. Elsewhere the rest does not fit, and the "
        "attestation says so."),
    limit<&L::inodes>("limits.inodes", "", kCount, 16, 100'000'000, "Files and folders in these together."),
    limit<&L::output>("limits.output", "--output", kSize, kKibi, 1024 * kMebi,
                      "Bytes kept of stdout and of stderr, each: the first and the last half."),
    limit<&L::output_total>("limits.output_total", "", kSize, kKibi, 16 * kTebi,
                            "Bytes written to stdout and stderr together before the program is ended."),
    limit<&L::out_files>("limits.out_files", "", kCount, 0, 1'000'000, "Files collected from the working folder."),
    text("environment.NAME", "--env", {},
         "A variable for the program; nothing of the host's environment enters by itself."),
    text("mount.from", "--in", {}, "The absolute path of a file or a folder of the host; one [[mount]] for each."),
    text("mount.to", "--in", {}, "Where it shows inside the sandbox."),
    text("mount.access", "", kAccesses, "Whether the sandbox may change it; \"read-write\" needs the token below."),
    text("mount.danger.read_write_mount", "", {}, "For \"read-write\" only, exactly this sentence as its value."),
    text("libraries.allow", "", {},
         "A list of the Python packages that may be asked for, by name; \"*\" is everything that the folder of wheels "
         "has. What a package needs comes with it."),
    text("libraries.use", "--lib", {}, "A list of the Python packages that the sandbox has beside the template's own."),
    choice("network.mode", "", kNetworkModes, "What the sandbox may reach over the network.", get_network_mode,
           set_network_mode),
    choice("require.boundary", "--require", kBoundaries,
           "The weakest wall that is good enough; a host that has no such wall is refused.",
           get_choice<&Policy::require>, set_choice<&Policy::require>),
    choice("require.weaknesses", "--no-weaknesses", kOnWeaknesses,
           "What happens when the host cannot enforce a clause: the attestation names it, or the sandbox is refused.",
           get_choice<&Policy::on_weakness>, set_choice<&Policy::on_weakness>),
    text("require.runtime", "--runtime", {},
         "The wall, by its name; \"fastest\" (the default) is the fastest that is good enough for the rest of the "
         "policy, "
         "\"auto\" the strongest that works on this host. `brig doctor` lists them."),
};

std::string_view noun(Kind kind) {
  switch (kind) {
    case kDuration: return "a duration";
    case kSize: return "a size";
    case kProcessors: return "a number of processors";
    case kCount: return "a whole number";
    case kChoice:
    case kText: return "one of the choices";
  }
  return "a value";
}

/// "2", "0.5", "1.25": at most three decimals, no sign, no exponent.
std::optional<std::int64_t> parse_thousandths(std::string_view text) {
  const std::size_t dot = text.find('.');
  const std::string_view whole = text.substr(0, dot);
  std::string digits(whole);
  const std::string_view fraction = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  if (whole.empty() || fraction.size() > 3 || (dot != std::string_view::npos && fraction.empty())) return std::nullopt;
  digits += fraction;
  digits.append(3 - fraction.size(), '0');
  if (!std::ranges::all_of(digits, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc::result_out_of_range) return INT64_MAX;
  return value;
}

std::optional<std::int64_t> parse_count(std::string_view text) {
  if (text.empty() || !std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) return INT64_MAX;
  return value;
}

std::optional<std::int64_t> parse_number(const Field& field, std::string_view text) {
  switch (field.kind) {
    case kDuration: {
      const auto value = parse_duration(text);
      return value.has_value() ? std::optional(to_number(*value)) : std::nullopt;
    }
    case kSize: {
      const auto value = parse_bytes(text);
      return value.has_value() ? std::optional(to_number(*value)) : std::nullopt;
    }
    case kProcessors: return parse_thousandths(text);
    case kCount: return parse_count(text);
    case kChoice: {
      const auto found = std::ranges::find(field.choices, text);
      if (found == field.choices.end()) return std::nullopt;
      return found - field.choices.begin();
    }
    case kText: break;
  }
  return std::nullopt;
}

std::string format_thousandths(std::int64_t value) {
  std::string text = std::to_string(value / 1000);
  std::string fraction = std::to_string(1000 + value % 1000).substr(1);
  fraction.erase(fraction.find_last_not_of('0') + 1);
  return fraction.empty() ? text : text + "." + fraction;
}

}  // namespace

std::span<const Field> fields() { return kFields; }

const Field* find_field(std::string_view path) {
  const auto* found = std::ranges::find(kFields, path, &Field::path);
  return found == kFields.end() ? nullptr : found;
}

const Field* find_flag(std::string_view flag) {
  if (flag.empty()) return nullptr;
  const auto* found = std::ranges::find(kFields, flag, &Field::flag);
  return found == kFields.end() ? nullptr : found;
}

std::string advice(const Field& field) {
  std::string text = "write ";
  switch (field.kind) {
    case kDuration: text += "250ms, 30s, 2m or 1h"; break;
    case kSize: text += "a number of bytes, 64K, 256M or 1.5G"; break;
    case kProcessors: text += "a number such as 0.5 or 2"; break;
    case kCount: text += "a whole number"; break;
    case kChoice:
    case kText:
      for (std::size_t i = 0; i < field.choices.size(); ++i) {
        if (i > 0) text += i + 1 == field.choices.size() ? " or " : ", ";
        text += field.choices[i];
      }
      return text;
  }
  text += ", from " + format_scalar(field, field.least) + " to " + format_scalar(field, field.most);
  if (field.may_be_none) text += ", or none";
  return text;
}

Result<Scalar> parse_scalar(const Field& field, std::string_view text) {
  BRIG_CHECK(field.is_scalar(), "parse_scalar of a key that holds text");
  if (field.may_be_none && text == "none") return Scalar();
  const auto number = parse_number(field, text);
  const std::string quoted = "\"" + printable(text, 40) + "\"";
  if (!number) {
    return Error(Code::kInvalidArgument, quoted + " is not " + std::string(noun(field.kind)) + ": " + advice(field) +
                                             did_you_mean(text, field.choices));
  }
  if (*number < field.least || *number > field.most) {
    return Error(Code::kInvalidArgument, quoted + " is out of range: " + advice(field));
  }
  return number;
}

Result<Scalar> scalar_of(const Field& field, double number) {
  const bool is_thousandths = field.kind == kDuration || field.kind == kProcessors;
  const double scaled = is_thousandths ? number * 1000 : number;
  constexpr double kLargest = 9e15;  // every whole number up to it is a double
  if (!(scaled >= 0) || scaled > kLargest) return Error(Code::kInvalidArgument, "out of range; " + advice(field));
  const Scalar scalar = std::llround(scaled);
  TRY(check_range(field, scalar));
  return scalar;
}

Result<> check_range(const Field& field, Scalar value) {
  if (!value && field.may_be_none) return {};
  if (value && *value >= field.least && *value <= field.most) return {};
  return Error(Code::kInvalidArgument, format_scalar(field, value) + " is out of range: " + advice(field));
}

std::string format_scalar(const Field& field, Scalar value) {
  if (!value) return "none";
  switch (field.kind) {
    case kDuration: return format(Milliseconds(*value));
    case kSize: return *value < 0 ? std::to_string(*value) : format(Bytes{static_cast<std::uint64_t>(*value)});
    case kProcessors: return *value < 0 ? std::to_string(*value) : format_thousandths(*value);
    case kChoice:
      if (*value >= 0 && std::cmp_less(*value, field.choices.size())) {
        return std::string(field.choices[static_cast<std::size_t>(*value)]);
      }
      return std::to_string(*value);
    case kCount:
    case kText: break;
  }
  return std::to_string(*value);
}

}  // namespace brig::policy
