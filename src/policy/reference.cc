// docs/policy.md, written from the schema.
#include <array>

#include "policy/preset.h"
#include "policy/schema.h"

namespace brig::policy {
namespace {

constexpr std::string_view kIntroduction = R"(# The policy file

<!-- Generated from src/policy/schema.cc: change it there, then run policy_test with BRIG_ACCEPT=1. -->

A policy says everything that one sandbox may use and see. `brig run` starts from a preset, reads `--policy FILE` over it, and
then the flags; `brig run --explain` prints what came out. A key that a file or a flag does not mention keeps the preset's value.

The file is TOML and read strictly: an unknown key, a wrong type, a duplicate and a value out of range are errors that name the
line and the column.

```toml
preset = "strict"

[limits]
timeout = "1m"
memory = "512M"
cpus = 1.5
pids = 64

[environment]
MODE = "test"

[[mount]]
from = "/srv/data"
to = "/data"
access = "read-only"

[require]
weaknesses = "refuse"
```

Durations are `250ms`, `30s`, `2m`, `1h`, or seconds without a unit (`--timeout 30` is `30s`); sizes are `64K`, `256M`, `1.5G` (powers
of 1024), or bytes without a unit. In a file both stand in quotes. Counts and processors are bare numbers.

## Keys with a range

| key | flag | from | to | strict | default | lenient |
| --- | --- | --- | --- | --- | --- | --- |
)";

constexpr std::string_view kMounts = R"(
## Mounts

A mount is read-only unless the file says otherwise, and a read-write mount demands the sentence

```toml
[[mount]]
from = "/srv/results"
to = "/results"
access = "read-write"
danger.read_write_mount = ")";

constexpr std::string_view kMountRules = R"("
```

`--in HOST[:GUEST]` adds a read-only mount. HOST may be relative to the working folder and may contain colons: the text is split at
its last `:/`, and without one the whole of it is HOST. Without GUEST it shows at `/workspace/NAME`, NAME being HOST's last part.

Inside, a mount may be anywhere below `/workspace`, `/tmp` and `/home/user`, or at or below a top-level folder of its own such as
`/data` or `/mnt/x`. It may not be one of the sandbox's own folders, lie in its system folders, or lie inside another mount. The
host's `/`, `/proc`, `/sys` and `/dev` (but for `/dev/shm`) cannot be mounted. There are at most 64 mounts.

## Libraries

```toml
[libraries]
allow = ["pandas", "seaborn"]
use = ["pandas"]
```

`--lib pandas,seaborn` adds to `libraries.use`. A name is a package's, in any of its spellings, without a version; the strict preset
allows none. Where the packages come from, and what a sandbox finds of them: [templates.md](templates.md).

## Variables

Names are letters, digits and `_`, not starting with a digit. All names and values together have at most 64 KiB. `--env NAME=VALUE`
adds one or replaces it; `--env NAME` is refused, because the host's environment never enters by itself.
)";

std::string code(std::string_view text) { return text.empty() ? "" : "`" + std::string(text) + "`"; }

std::string words(std::span<const std::string_view> choices) {
  std::string text;
  for (std::string_view choice : choices) text += (text.empty() ? "" : ", ") + code(choice);
  return text;
}

}  // namespace

std::string reference_markdown() {
  std::string out(kIntroduction);
  const std::array<Policy, 3> presets{preset(Preset::kStrict), preset(Preset::kDefault), preset(Preset::kLenient)};
  const auto defaults = [&](const Field& field) {
    std::string cells;
    for (const Policy& policy : presets) cells += " " + format_scalar(field, field.get(policy)) + " |";
    return cells;
  };
  for (const Field& field : fields()) {
    if (!field.is_scalar() || field.kind == Kind::kChoice) continue;
    out += "| " + code(field.path) + " | " + code(field.flag) + " | " + format_scalar(field, field.least) + " | " +
           format_scalar(field, field.most) + " |" + defaults(field) + "\n";
  }
  out +=
      "\n## Keys with choices\n\n| key | flag | choices | strict | default | lenient |\n| --- | --- | --- | --- | --- "
      "| --- |\n";
  for (const Field& field : fields()) {
    if (!field.is_scalar() || field.kind != Kind::kChoice) continue;
    out += "| " + code(field.path) + " | " + code(field.flag) + " | " + words(field.choices) + " |" + defaults(field) +
           "\n";
  }
  out += "\n## What each key means\n\n";
  for (const Field& field : fields()) {
    out += "- " + code(field.path);
    if (!field.is_scalar() && !field.choices.empty()) out += " (" + words(field.choices) + ")";
    out += ": " + std::string(field.doc) + "\n";
  }
  out += kMounts;
  out += kReadWriteMountToken;
  out += kMountRules;
  return out;
}

}  // namespace brig::policy
