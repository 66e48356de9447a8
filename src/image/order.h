#pragma once
/// Orders and news: what the daemon and the process that makes templates for it say to each other, one message each
/// over a SOCK_SEQPACKET pair. JSON, strict and bounded at both ends: neither trusts the other.
///
///     order → begun → line … → done or failed
///
/// A build comes with two descriptors: a tar of the context and the Dockerfile; an import with one, the archive.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/units.h"
#include "image/manifest.h"

namespace brig::image {

struct Order {
  enum class Kind : std::uint8_t { kBuild, kImport, kRemove, kCancel };
  Kind kind = Kind::kBuild;
  std::string id;                         ///< of the build; as is_owner()
  std::string name = {};                  ///< of the template; not of kCancel
  std::string owner = {};                 ///< Manifest::owner, never empty; not of kCancel
  std::vector<std::string> templates;     ///< kBuild: what it may be built on, of those that its owner sees; empty: all
  std::string image = {};                 ///< kImport: which of several
  std::vector<LimitDefault> limits = {};  ///< that sandboxes of it start from
  Milliseconds time{0};                   ///< how long it may take
  Bytes room{0};                          ///< how large its owner's templates may be together, this one among them
  bool operator==(const Order&) const = default;
};

struct News {
  enum class Kind : std::uint8_t { kBegun, kLine, kDone, kFailed };
  Kind kind = Kind::kBegun;
  std::string id;
  std::string text = {};        ///< kLine: the line; kFailed: the sentence. Printable
  Code code = Code::kInternal;  ///< kFailed
  std::string digest = {};      ///< kDone of a build or an import
  Bytes size{0};                ///< the same
  bool operator==(const News&) const = default;
};

/// Where the process that makes templates finds its end when it is started.
inline constexpr int kOrdersFd = 3;

inline constexpr std::size_t kTalkBytesMost = std::size_t{60} << 10;  ///< of one message
inline constexpr std::size_t kNewsLineMost = 400;
inline constexpr std::size_t kNewsSentenceMost = 2000;
inline constexpr std::size_t kDockerfileMost = std::size_t{1} << 20;
/// Lines of one build that are passed on, and their bytes; then one says that there were more.
inline constexpr std::size_t kBuildLinesMost = 10'000;
inline constexpr std::size_t kBuildLogMost = std::size_t{1} << 20;

std::string to_json(const Order& order);
std::string to_json(const News& news);
/// kInvalidArgument, with the place, for anything else.
Result<Order> parse_order(std::string_view text);
Result<News> parse_news(std::string_view text);
/// Of an order that cannot be read; empty if that cannot be read either.
std::string id_of_order(std::string_view text);

}  // namespace brig::image
