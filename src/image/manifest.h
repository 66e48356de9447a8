#pragma once
/// Manifest: what is known about one template, as strict JSON beside its image.
///
/// Written by us and read back as if it were not: a name file can be edited by hand, and much of its text (environment,
/// entry point, packages) was in an image that somebody else made.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "base/result.h"
#include "base/units.h"
#include "json/reader.h"
#include "policy/policy.h"

namespace brig::image {

/// The file system of a template's image file.
enum class Format : std::uint8_t { kErofs, kSquashfs };
std::string_view to_string(Format format);

/// Where a template came from.
struct Provenance {
  std::string kind;                   ///< "oci", "docker-archive", "tar", "folder", "debian" or "dockerfile"
  std::string source;                 ///< the file or folder that was given, or the definition's name
  std::string source_digest;          ///< of the OCI manifest, the archive, the definition; empty for a folder
  std::vector<std::string> packages;  ///< "name=version"; of Debian packages only
  bool operator==(const Provenance&) const = default;
};

/// A language that code can be given in, and its interpreter inside.
struct Language {
  std::string name;
  std::string interpreter;  ///< "/usr/bin/python3"
  bool operator==(const Language&) const = default;
};

/// A limit that sandboxes of this template start from: a key of [limits] in a policy file, and its text.
struct LimitDefault {
  std::string key;
  std::string value;
  bool operator==(const LimitDefault&) const = default;
};

struct Defaults {
  std::vector<policy::Variable> environment;
  std::string working_folder;  ///< absolute; empty: /workspace
  std::vector<LimitDefault> limits;
  std::vector<Language> languages;
  /// Python modules that its warm interpreters have imported (preload.h); empty: none are; nothing: the usual ones.
  std::optional<std::vector<std::string>> preload;
  std::vector<std::string> entrypoint;  ///< as information: a sandbox runs what it is told
  std::vector<std::string> command;
  bool operator==(const Defaults&) const = default;
};

struct Manifest {
  std::string name;
  std::string description;  ///< a line that its maker wrote; may be empty
  std::string owner;        ///< the key that made it over the API; empty: whoever owns the machine
  std::string digest;       ///< "sha256:…" of the image file
  Format format = Format::kErofs;
  Bytes size{0};               ///< of the image file
  Bytes unpacked{0};           ///< of the files in it
  std::uint64_t files = 0;     ///< files, folders and links in it
  std::int64_t created_s = 0;  ///< seconds since 1970
  Provenance provenance;
  Defaults defaults;
  std::vector<std::string> notes;  ///< what was left out of the source, in sentences
  bool operator==(const Manifest&) const = default;
};

/// [a-z0-9] and then up to 62 of [a-z0-9._-]. "host" is the machine's own /usr and no template's name.
[[nodiscard]] bool is_template_name(std::string_view name);
/// kInvalidArgument with a sentence that says what a name looks like.
Result<> check_template_name(std::string_view name);

/// Whether a sandbox can have these defaults at all: variables, limits and paths that a policy takes, bounded lists.
Result<> check_defaults(const Defaults& defaults);
/// Defaults as a part of a larger JSON text.
boost::json::object defaults_json(const Defaults& defaults);
Result<Defaults> read_defaults(const json::Reader& reader);

/// A policy with the template's defaults put under it: what the policy says itself is the caller's to apply afterwards.
Result<policy::Policy> apply_defaults(policy::Policy policy, const Defaults& defaults);

/// A draft: a manifest as brig-worker hands it out, when there is no image yet: without name, digest, size and time.
std::string to_draft(const Manifest& manifest);
Result<Manifest> parse_draft(std::string_view text);

inline constexpr std::size_t kDescriptionMost = 400;
inline constexpr std::size_t kOwnerMost = 64;

/// Owner of what was made through the daemon's own Unix socket. It is everybody's to use, as what the machine's owner
/// makes with `brig template`, and the daemon's to replace.
inline constexpr std::string_view kDaemonOwner = "local";
/// Whether it is no key's own: every key may see it.
[[nodiscard]] bool is_everybodys(const Manifest& manifest);
/// Whether the holder of the key `owner` may see and use a template: what belongs to another key is nobody else's.
[[nodiscard]] bool may_see(const Manifest& manifest, std::string_view owner);
/// [a-z0-9_-], 1 to kOwnerMost.
[[nodiscard]] bool is_owner(std::string_view text);
inline constexpr std::size_t kManifestBytesMost = std::size_t{1} << 20;

std::string to_json(const Manifest& manifest);
/// kInvalidArgument "$.defaults…: what is wrong".
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace brig::image
