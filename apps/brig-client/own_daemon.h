#pragma once
/// OwnDaemon: a daemon for as long as a command needs one (brig attack --api, brig bench --api): on loopback, with a
/// state folder that nobody else uses and that goes with it.
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sys/process.h"

namespace brig::client {

class OwnDaemon {
 public:
  /// Starts brigd with these flags beside its own and waits until it listens. `what` names its folder. Brig's programs
  /// are in `programs`, or beside this one.
  static Result<std::unique_ptr<OwnDaemon>> start(const std::string& what, const std::vector<std::string>& flags,
                                                  std::string programs = {});
  OwnDaemon(const OwnDaemon&) = delete;
  OwnDaemon& operator=(const OwnDaemon&) = delete;
  /// Tells it to stop, waits, and removes the folder.
  ~OwnDaemon();

  /// "http://127.0.0.1:40112"
  [[nodiscard]] const std::string& url() const { return url_; }
  /// "unix:…/brigd.sock"
  [[nodiscard]] std::string owner_url() const { return "unix:" + folder_ + "/brigd.sock"; }

  /// Of its first process, below which all others are.
  [[nodiscard]] std::string pid() const { return std::to_string(keeper_.pid()); }
  [[nodiscard]] sys::Child& keeper() { return keeper_; }

 private:
  OwnDaemon() = default;
  Result<> wait_until_it_listens();

  std::string folder_;  ///< its state
  Fd log_;
  std::string url_;
  sys::Child keeper_;
};

}  // namespace brig::client
