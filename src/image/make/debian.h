#pragma once
/// build_definition(): Debian packages, as a definition names them, to a published template.
///
/// The host downloads them (apt.h) and does no more: they are unpacked and installed, and every script of theirs runs,
/// in sandboxes without a network (RootBuild). First the essential ones are laid out with the host's dpkg-deb, in a
/// sandbox that sees the packages; then dpkg, in that root, installs these and all others in apt's order. What comes of
/// it is written out as a Dockerfile's root is. The same packages give the same digest.
#include <string>
#include <string_view>
#include <vector>

#include "image/definition.h"
#include "image/make/apt.h"
#include "image/make/import.h"

namespace brig::image {

struct DefinitionRequest {
  Definition definition;
  std::string text;    ///< of the definition: what the cache knows it by
  std::string source;  ///< for the provenance: the file or the shipped name
  std::string name;
  bool uses_cache = true;
};

/// Writes what the scripts read to the folder `job`: the files essential, steps, exclude, purge and remove. What of a
/// definition and of apt's answer is in them has no character that a shell reads (definition.h, apt.h).
Result<> write_job(const std::string& job, const Definition& definition, const FetchedPackages& fetched);

/// "name=version" of what is still installed: what dpkg-query says in the sandbox, as far as it was fetched. Sorted.
std::vector<std::string> installed_packages(std::string_view said, const FetchedPackages& fetched);

Result<Imported> build_definition(const Workshop& workshop, Store& store, const DefinitionRequest& request);

}  // namespace brig::image
