#include "async/task.h"

#include <new>

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace brig {

Error error_of(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const boost::system::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return {Code::kCancelled, "cancelled"};
    return {Code::kInternal, std::string("an asynchronous operation failed: ") + error.code().message()};
  } catch (const std::bad_alloc&) {
    return {Code::kExhausted, "out of memory"};
  } catch (const std::exception& error) {
    return {Code::kInternal, std::string("unexpected exception: ") + error.what()};
  }
}

}  // namespace brig
