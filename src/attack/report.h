#pragma once
/// The suite's and the corpus's results for people, for programs, and for docs/attack.md.
#include <string>

#include <boost/json/fwd.hpp>

#include "attack/corpus.h"
#include "attack/suite.h"

namespace brig::attack {

/// One line a probe, grouped, and a summary. For controls the words are "breaches" (good) and "PROVES NOTHING".
enum class Kind : bool { kAttack, kControl };
std::string table(const SuiteReport& report, Kind kind);
boost::json::value to_json(const SuiteReport& report);

std::string table(const CorpusReport& report);
boost::json::value to_json(const CorpusReport& report);

/// The chosen probes, one line each.
std::string list(const std::vector<const Probe*>& probes);
/// Every probe as the Markdown tables of docs/attack.md.
std::string markdown_list();

/// 0 all held, 1 any breach (or a control that proves nothing), 125 something could not be run.
int exit_code_of(const SuiteReport& report, Kind kind);
int exit_code_of(const CorpusReport& report);

}  // namespace brig::attack
