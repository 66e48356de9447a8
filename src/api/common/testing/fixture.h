#pragma once
/// ServiceFixture: sandboxes of a fake wall, their store, and a server that asks answer(). Tests of a façade derive
/// from it and make the façade.
#include <fcntl.h>
#include <gtest/gtest.h>

#include <memory>

#include "http/router.h"
#include "http/testing/rig.h"
#include "runtime/testing/fake_runtime.h"
#include "runtime/testing/scripted_guest.h"
#include "sandboxes/sandboxes.h"
#include "sandboxes/snapshots.h"
#include "store/testing/temporary_folder.h"
#include "sys/file.h"

namespace brig::api::testing {

class ServiceFixture : public ::testing::Test {
 protected:
  /// Without a pool, and with guests that let everything pass without an answer.
  ServiceFixture() {
    options_.capacity.pool.size = 0;
    runtime_.behaviour.guest = [](FdRef fd) {
      runtime::testing::ScriptedGuest(fd).serve([](runtime::testing::ScriptedGuest&, std::uint32_t) {});
    };
  }

  /// Makes the sandboxes, once what they are made from is as the test wants it.
  void open(sandboxes::Sandboxes::OnHappening on_happening = [](const sandboxes::Happening&) {}) {
    sandboxes_ = std::make_unique<sandboxes::Sandboxes>(options_, walls_, *store_, spool_.ref(), rig_.io.get_executor(),
                                                        wall_now, std::move(on_happening));
    snapshots_ = std::make_unique<sandboxes::Snapshots>(folder_.path() + "/snapshots", *sandboxes_, *store_, wall_now);
  }
  /// Ends them; in the destructor of the test.
  void close() {
    EXPECT_TRUE(run(rig_.io, sandboxes_->stop()).has_value());
    rig_.io.restart();
    rig_.io.poll();
  }

  virtual Task<> answer(http::Exchange& exchange) { return router_.handle(exchange); }

  store::TemporaryFolder folder_;
  http::Router router_;
  http::testing::Rig rig_{[this](http::Exchange& exchange) { return answer(exchange); }};
  runtime::testing::FakeRuntime runtime_;
  runtime::Walls walls_{runtime_};
  std::unique_ptr<store::Store> store_ = *store::Store::open(folder_.path());
  Fd spool_ = *sys::open(folder_.path(), O_PATH | O_DIRECTORY);
  sandboxes::Options options_;
  std::unique_ptr<sandboxes::Sandboxes> sandboxes_;
  std::unique_ptr<sandboxes::Snapshots> snapshots_;
};

}  // namespace brig::api::testing
