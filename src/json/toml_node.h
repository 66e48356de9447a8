#pragma once
/// TomlNode: a table or array of tables while the text is read. Part of json/toml.h; nothing else uses it.
///
/// TOML says which tables may be opened again, so each remembers how it came to be; take() makes the finished tree of
/// it.
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "json/place.h"
#include "json/toml.h"

namespace brig::json {

struct TomlNode {
  enum class Form : std::uint8_t {
    kLeaf,        ///< a value; an inline table or array is closed and therefore one too
    kImplicit,    ///< [a] because of [a.b]: may still be defined
    kHeader,      ///< [a]
    kDotted,      ///< a because of a.b = 1: only more dotted keys may add to it
    kTableArray,  ///< [[a]]: its children are tables without keys
  };
  struct Child {
    std::string key;
    Place place;
    std::unique_ptr<TomlNode> node;
  };

  Form form = Form::kImplicit;
  TomlValue leaf{.place = {}, .value = TomlDate{}};
  Place place;
  std::vector<Child> children;
  std::map<std::string, std::size_t, std::less<>> index;

  TomlNode* find(std::string_view key) {
    const auto found = index.find(key);
    return found == index.end() ? nullptr : children[found->second].node.get();
  }
  TomlNode* add(std::string key, Place key_place, Form new_form, Place new_place) {
    index.emplace(key, children.size());
    auto node = std::make_unique<TomlNode>();
    node->form = new_form;
    node->place = new_place;
    return children.emplace_back(std::move(key), key_place, std::move(node)).node.get();
  }
  TomlNode* append(Place new_place) {
    auto node = std::make_unique<TomlNode>();
    node->form = Form::kHeader;
    node->place = new_place;
    return children.emplace_back(std::string(), new_place, std::move(node)).node.get();
  }
  TomlValue take() {
    if (form == Form::kLeaf) return std::move(leaf);
    if (form == Form::kTableArray) {
      TomlArray items;
      for (Child& child : children) items.push_back(child.node->take());
      return {.place = place, .value = std::move(items)};
    }
    TomlTable table;
    for (Child& child : children) table.push_back({std::move(child.key), child.place, child.node->take()});
    return {.place = place, .value = std::move(table)};
  }
};

}  // namespace brig::json
