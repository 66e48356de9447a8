#pragma once
/// build_definition(): Debian packages, as a definition names them, to a published template.
///
/// mmdebstrap unpacks them with this host's own sources of packages, and runs their scripts in a folder of its own, as
/// installing them here would run them: with the host's trust in its distribution, and without a sandbox. What comes of
/// it goes through brig-worker as any other tar does. The same packages give the same digest.
#include <string>
#include <vector>

#include "image/definition.h"
#include "image/make/import.h"

namespace brig::image {

struct DefinitionRequest {
  Definition definition;
  std::string text;    ///< of the definition: what the cache knows it by
  std::string source;  ///< for the provenance: the file or the shipped name
  std::string name;
  bool uses_cache = true;
};

/// Shell for mmdebstrap's hooks; "$1" is the root, and what is installed is written to the file $BRIG_PACKAGES. What of
/// the definition is in them has no character that a shell reads (definition.h).
std::vector<std::string> debian_hooks(const Definition& definition);

Result<Imported> build_definition(const Workshop& workshop, Store& store, const DefinitionRequest& request);

}  // namespace brig::image
