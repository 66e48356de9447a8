#include "service/hints.h"

#include <gmock/gmock.h>

namespace brig::service {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string hint(std::string name, std::string value, std::string_view template_name) {
  return hint_for({.name = std::move(name), .value = std::move(value), .traceback = {}}, template_name);
}

TEST(Hint, NamesTheModuleAndTheSandboxsOwnTemplate) {
  EXPECT_THAT(hint("ModuleNotFoundError", "No module named 'seaborn.colors'", "host"),
              AllOf(HasSubstr("the template host "), HasSubstr("python3-seaborn "), HasSubstr("--lib seaborn ")));
  EXPECT_THAT(hint("ModuleNotFoundError", "No module named 'seaborn'", "science"),
              AllOf(HasSubstr("the template science has no module seaborn"), Not(HasSubstr("apt-get")),
                    Not(HasSubstr("host"))));
}

TEST(Hint, RepeatsNothingOfAMessageThatNamesNoModule) {
  for (const char* value : {"", "No module named '", "No module named ''", "No module named 'a b; rm'", "gone"}) {
    EXPECT_THAT(hint("ModuleNotFoundError", value, "host"), AllOf(HasSubstr("--lib NAME "), Not(HasSubstr("rm"))))
        << value;
  }
  EXPECT_THAT(hint("ModuleNotFoundError", "No module named '" + std::string(100, 'a') + "'", "host"),
              HasSubstr("--lib NAME "));
}

TEST(Hint, IsForThatErrorOnly) { EXPECT_EQ(hint("ValueError", "No module named 'x'", "host"), ""); }

TEST(OrNoFolder, IsSaidOfAFolderThatMayBeMissing) {
  EXPECT_EQ(or_no_folder("/srv/app\n"), ", or no folder /srv/app\\x0a");
  for (const char* folder : {"/", "/workspace", "/home/user", "/tmp"}) EXPECT_EQ(or_no_folder(folder), "") << folder;
}

}  // namespace
}  // namespace brig::service
