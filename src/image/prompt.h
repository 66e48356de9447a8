#pragma once
/// The section of a system prompt that tells a language model what its code will find, generated from what is really
/// enforced and really there. Pure.
#include <string>

#include "image/offers.h"
#include "policy/policy.h"

namespace brig::image {

/// Markdown, about forty lines. Texts of a template's maker are shortened and printable: they are somebody else's words
/// in somebody's prompt.
std::string prompt(const policy::Policy& policy, const Offers& offers);

}  // namespace brig::image
