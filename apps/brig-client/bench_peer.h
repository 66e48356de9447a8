#pragma once
/// Peer: a program beside Brig that runs the same Python as its cells do, told through two pipes.
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "sys/process.h"

namespace brig::client {

/// `interpreter -c text`, which answers each line that it gets with one that is "ok": {"start": null} begins an
/// interpreter, {"run": "code"} runs code there, {"stop": null} ends it.
class Peer {
 public:
  static Result<Peer> start(const std::string& interpreter, std::string_view text);
  Peer(Peer&&) = default;
  Peer& operator=(Peer&&) = default;
  ~Peer();

  /// Suspends nobody: it blocks until the answer, at most a minute.
  Result<> ask(const std::string& what, const std::string& code = {});

 private:
  Peer(Fd in, Fd out, sys::Child child) : in_(std::move(in)), out_(std::move(out)), child_(std::move(child)) {}

  Fd in_;
  Fd out_;
  sys::Child child_;
};

/// A bare python: "start" is a process and the imports, "run" code in it, its result's HTML or PNG made as well.
extern const std::string_view kBarePeer;
/// The same through Jupyter's own client and kernel; needs jupyter_client and ipykernel.
extern const std::string_view kJupyterPeer;

}  // namespace brig::client
