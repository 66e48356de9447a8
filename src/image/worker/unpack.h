#pragma once
/// unpack(): an image in any form that it comes in, to one tree of files and the draft of a manifest.
#include <functional>
#include <string>

#include "base/fd.h"
#include "base/result.h"
#include "image/manifest.h"
#include "image/worker/decode.h"
#include "image/worker/tree.h"

namespace brig::image {

struct UnpackRequest {
  FdRef input;        ///< a file; or a folder of files, of one file system
  FdRef build;        ///< an empty folder; the tree becomes "tree" in it
  std::string image;  ///< which of several, by reference or digest; empty: there is only one
  TreeBounds tree{};
  Unfolding unfolding{};
  std::function<void(const std::string&)> progress = {};  ///< a line for a person
};

/// Told apart by what is in it: an OCI layout ("oci-layout"), `docker save` ("manifest.json"), or files as they are.
/// kInvalidArgument, kExhausted or kUnsupported with a sentence about the image.
Result<Manifest> unpack(const UnpackRequest& request);

}  // namespace brig::image
