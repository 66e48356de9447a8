#pragma once
/// What a person, or a model, can do about an error of a program that is no fault of it. Pure.
#include <string>
#include <string_view>

#include "service/records.h"

namespace brig::service {

/// For a Python module that the sandbox's template lacks: a sentence without its full stop. Empty for any other error.
std::string hint_for(const ProgramError& error, std::string_view template_name);

/// ", or no folder /cwd": of a start that failed with ENOENT, whose error says not of what. Empty for a folder that
/// every sandbox has.
std::string or_no_folder(std::string_view cwd);

}  // namespace brig::service
