#pragma once
/// The builder: makes templates for a daemon that has no rights, and does not trust it. One thread.
///
/// Orders come as messages with descriptors (image/order.h). A child is forked for each build; it copies what it was
/// given to where nobody else writes, and then does what `brig template build` and `import` do, reading nothing of it
/// but in sandboxes. It says itself how far it is. Whoever dies, the child dies, and its sandboxes with it.
#include "base/fd.h"
#include "base/result.h"
#include "base/units.h"
#include "image/store.h"

namespace brig::templates {

/// What no daemon gets more of, whatever it orders.
struct BuilderLimits {
  std::size_t at_once = 1;
  Bytes input{0};        ///< of one build
  Milliseconds time{0};  ///< of one build
};

/// Until the other end of `orders` is closed.
Result<> make_for_daemon(Fd orders, image::Store store, BuilderLimits limits);

}  // namespace brig::templates
