#pragma once
/// Interpreter: E2B's code interpreter (port 49999): cells and the contexts that they run in.
///
/// A language's own context has the language's name as its id; Python's and JavaScript's are listed before they have
/// begun. Running code needs the sandbox's access token, which the clients send. What they send without one, requests
/// about contexts, needs none: it starts and ends interpreters inside, and runs nothing.
#include <memory>
#include <string_view>

#include "api/e2b/cell_lines.h"
#include "api/e2b/guests.h"
#include "http/router.h"

namespace brig::api::e2b {

class Interpreter {
 public:
  explicit Interpreter(Guests& guests) : guests_(guests) {}
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  void add_to(http::Router& router);

 private:
  Task<> execute(http::Exchange& exchange);
  Task<> create(http::Exchange& exchange);
  Task<> list(http::Exchange& exchange);
  Task<> restart(http::Exchange& exchange);
  Task<> remove(http::Exchange& exchange);

  Guests& guests_;
};

}  // namespace brig::api::e2b
