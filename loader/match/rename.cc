#include "loader/match/rename.h"

#include <algorithm>

#include "loader/base/text.h"

namespace hardload {
namespace {

using Parts = std::vector<std::string_view>;

Parts parts_of(std::string_view key) {
  Parts parts;
  while (true) {
    const std::size_t dot = key.find('.');
    parts.push_back(key.substr(0, dot));
    if (dot == key.npos) return parts;
    key.remove_prefix(dot + 1);
  }
}

std::string joined(const Parts& parts) {
  std::string key;
  for (std::size_t i = 0; i < parts.size(); ++i) append(key, i == 0 ? "" : ".", parts[i]);
  return key;
}

bool stands_at(const Parts& from, const Parts& key, std::size_t place) {
  if (from.size() > key.size() - place) return false;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] != "*" && from[i] != key[place + i]) return false;
  }
  return true;
}

// Appends `to` to `out`, its stars filled with what those of `from` stand for at `place`.
void put(const Parts& from, const Parts& to, const Parts& key, std::size_t place, Parts& out) {
  std::size_t star = 0;
  for (const std::string_view part : to) {
    if (part != "*") {
      out.push_back(part);
      continue;
    }
    while (star < from.size() && from[star] != "*") ++star;
    if (star < from.size()) out.push_back(key[place + star++]);
  }
}

std::ptrdiff_t stars(std::string_view pattern) {
  const Parts parts = parts_of(pattern);
  return std::count(parts.begin(), parts.end(), "*");
}

std::string_view without_dot(std::string_view prefix) {
  if (prefix.ends_with('.')) prefix.remove_suffix(1);
  return prefix;
}

}  // namespace

Result<void> check_rules(const KeyRules& rules) {
  for (const Rename& rule : rules.renames) {
    std::string_view problem;
    if (rule.from.empty()) problem = "replaces nothing";
    if (stars(rule.to) > stars(rule.from)) problem = "has more '*' in what it puts than it finds";
    if (problem.empty()) continue;
    return Error(ErrorKind::kKey, Stage::kMatch,
                 concat("the rename rule '", rule.from, "' to '", rule.to, "' ", problem))
        .advise(
            "Rules replace whole parts of a key: {\"fc\", \"head\"}, {\"layers.*.attn\", "
            "\"blocks.*.attention\"}.");
  }
  return {};
}

std::string renamed(const Rename& rule, std::string_view key) {
  const Parts from = parts_of(rule.from), parts = parts_of(key);
  const Parts to = rule.to.empty() ? Parts() : parts_of(rule.to);
  Parts out;
  for (std::size_t i = 0; i < parts.size();) {
    if (stands_at(from, parts, i)) {
      put(from, to, parts, i, out);
      i += from.size();
    } else {
      out.push_back(parts[i++]);
    }
  }
  return joined(out);
}

std::string rewritten_key(const KeyRules& rules, std::string_view key) {
  if (key.starts_with(rules.strip_prefix)) key.remove_prefix(rules.strip_prefix.size());
  std::string result(key);
  for (const Rename& rule : rules.renames) result = renamed(rule, result);
  return rules.add_prefix + result;
}

std::string rewritten_path(const KeyRules& rules, std::string_view path) {
  if (!rules.strip_prefix.empty()) {
    if (path == without_dot(rules.strip_prefix)) {
      path = {};
    } else if (path.starts_with(rules.strip_prefix)) {
      path.remove_prefix(rules.strip_prefix.size());
    }
  }
  std::string result(path);
  for (const Rename& rule : rules.renames) result = renamed(rule, result);
  if (result.empty()) return std::string(without_dot(rules.add_prefix));
  return rules.add_prefix + result;
}

}  // namespace hardload
