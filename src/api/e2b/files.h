#pragma once
/// Files: the agent's plain HTTP (envd, port 49983): health, figures, variables, and files up and down.
#include <boost/json/fwd.hpp>

#include "api/e2b/guests.h"
#include "http/router.h"

namespace brig::api::e2b {

class Files {
 public:
  explicit Files(Guests& guests) : guests_(guests) {}
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;

  void add_to(http::Router& router);

 private:
  Task<> health(http::Exchange& exchange);
  Task<> envs(http::Exchange& exchange);
  Task<> metrics(http::Exchange& exchange);
  Task<> read(http::Exchange& exchange);
  Task<> write(http::Exchange& exchange);
  Task<boost::json::array> write_form(http::Exchange& exchange, const Guest& guest, guest::ByteSource body);

  Guests& guests_;
};

}  // namespace brig::api::e2b
