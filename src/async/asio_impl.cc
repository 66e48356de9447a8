// Asio's out-of-line half (BOOST_ASIO_SEPARATE_COMPILATION): compiled here once instead of in every file that includes
// it.
#include <boost/asio/impl/src.hpp>
