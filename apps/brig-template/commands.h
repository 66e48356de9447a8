#pragma once
/// The commands of brig-template.
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "image/manifest.h"
#include "image/store.h"

namespace brig::templates {

using Words = std::vector<std::string>;

int cmd_build(const Words& words);
int cmd_gc(const Words& words);
int cmd_import(const Words& words);
int cmd_info(const Words& words);
int cmd_lib(const Words& words);
int cmd_ls(const Words& words);
int cmd_rm(const Words& words);
int cmd_serve(const Words& words);  ///< not for people

/// The store in `folder`, or where templates are kept unless it is said (templates_dir.h).
Result<image::Store> open_store(const std::optional<std::string>& folder);

/// A manifest as `--json` shows it: one line.
std::string shown_json(const image::Manifest& manifest);

/// Says it, and the exit code: 2 for a mistake of the caller's words, else 1.
int fail(const Error& error);

bool say(const std::string& text);

}  // namespace brig::templates
