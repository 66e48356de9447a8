#pragma once
/// What a command that makes templates needs: the store, the console, the programs of this installation.
#include <functional>
#include <optional>
#include <string>

#include "base/result.h"
#include "image/make/import.h"
#include "image/store.h"

namespace brig::templates {

using Make = std::function<Result<image::Imported>(const image::Workshop&, image::Store&)>;

/// Prepares everything, makes, says what came of it or why nothing did (`doing`: "import image.tar") and returns the
/// exit code.
int make_template(const std::optional<std::string>& folder, const std::string& name, const std::string& doing,
                  bool is_json, const Make& make);

/// What a command does with a workshop: its exit code, or why it could not be done.
using Work = std::function<Result<int>(const image::Workshop&, image::Store&)>;

/// Prepares everything, works, says why not (`doing`), and returns the exit code: `failed` if it could not be done. The
/// log is `log`'s.
int work_in_shop(const std::optional<std::string>& folder, const std::string& log, const std::string& doing,
                 const Work& work, const std::function<int(const Error&)>& failed);

/// The programs of this installation; what is said while a template is made goes to `on_line`, what package managers
/// print to `on_detail`.
Result<image::Workshop> make_workshop(image::OnLine on_line, image::OnLine on_detail = {});

/// `text` against the working folder; kInvalidArgument if it cannot be read.
Result<HostPath> readable_path(const std::string& text);

}  // namespace brig::templates
