#pragma once
/// A tool: a program of the sandbox's own that works for us inside (tar), its input and output streamed through the
/// protocol in constant memory. It runs as the guest does, within the guest's limits, and is no more trusted than it.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "guest/session.h"
#include "sandboxes/sandbox.h"

namespace brig::sandboxes {

/// Takes what the tool prints; may suspend, and the tool waits then. An Error ends the tool.
using ToolOutput = std::function<Task<>(std::string_view)>;
/// Sees what it complains of (stderr) as it comes, for the same end. May be empty.
using ToolComplaint = std::function<Result<>(std::string_view)>;

struct ToolRequest {
  std::vector<std::string> argv;
  guest::ByteSource input{};  ///< empty: none
  ToolOutput output;
  ToolComplaint complaint{};
};

struct ToolEnd {
  int exit_code = 0;  ///< 128 and the signal, if one ended it
  bool is_disk_full = false;
  std::string complaint;  ///< the beginning of its stderr: a guest's text
};

/// Ends when the tool has, or with what `input`, `output` or `complaint` failed with; the tool is killed then. What it
/// has not read of `input` is left. kUnsupported if the sandbox has no such program.
Task<ToolEnd> run_tool(std::shared_ptr<Sandbox> sandbox, ToolRequest request);

}  // namespace brig::sandboxes
