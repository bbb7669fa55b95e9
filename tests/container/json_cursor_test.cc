// JsonCursor takes what JSON is and nothing else; nlohmann-json is asked, too.

#include "loader/container/json_cursor.h"

#include <map>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/base/text.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using namespace std::string_literals;
using Texts = std::vector<std::pair<std::string, std::string>>;

// The text as an object of strings.
Result<Texts> read_texts(std::string text) {
  JsonCursor json(text, 8);
  Texts texts;
  HARDLOAD_TRY(json.enter_object());
  for (;;) {
    HARDLOAD_ASSIGN(const auto key, json.next_key());
    if (!key) break;
    HARDLOAD_ASSIGN(const std::string_view value, json.string());
    texts.emplace_back(*key, value);
  }
  HARDLOAD_TRY(json.finish());
  return texts;
}

// The text as an array of numbers.
Result<std::vector<std::uint64_t>> read_numbers(std::string text) {
  JsonCursor json(text, 8);
  std::vector<std::uint64_t> numbers;
  HARDLOAD_TRY(json.enter_array());
  for (;;) {
    HARDLOAD_ASSIGN(const bool is_there, json.next_item());
    if (!is_there) break;
    HARDLOAD_ASSIGN(const std::uint64_t number, json.number());
    numbers.push_back(number);
  }
  HARDLOAD_TRY(json.finish());
  return numbers;
}

// What is between the quotes, as a string.
Result<std::string> read_string(const std::string& quoted) {
  HARDLOAD_ASSIGN(const Texts texts, read_texts("{\"k\":\"" + quoted + "\"}"));
  return texts.at(0).second;
}

TEST(JsonCursor, ReadsObjectsAndArrays) {
  EXPECT_EQ(read_texts("{}").value(), Texts());
  EXPECT_EQ(read_texts(" \t\r\n{ \"a\" : \"b\" , \"c\":\"\" } \n").value(),
            (Texts{{"a", "b"}, {"c", ""}}));
  EXPECT_EQ(read_texts("{\"a\":\"1\",\"a\":\"2\"}").value(), (Texts{{"a", "1"}, {"a", "2"}}));
  EXPECT_EQ(read_numbers("[]").value(), std::vector<std::uint64_t>());
  EXPECT_EQ(read_numbers("[ 0 ,1,\n20]").value(), (std::vector<std::uint64_t>{0, 1, 20}));
}

TEST(JsonCursor, GoesIntoAndOutOfWhatIsInside) {
  std::string text = "{\"a\":[],\"b\":{\"c\":[[1],[]]},\"d\":\"e\"}";
  JsonCursor json(text, 0);
  ASSERT_OK(json.enter_object());
  EXPECT_EQ(*json.next_key().value(), "a");
  ASSERT_OK(json.enter_array());
  EXPECT_FALSE(json.next_item().value());
  EXPECT_EQ(*json.next_key().value(), "b");
  ASSERT_OK(json.enter_object());
  EXPECT_EQ(*json.next_key().value(), "c");
  ASSERT_OK(json.enter_array());
  EXPECT_TRUE(json.next_item().value());
  ASSERT_OK(json.enter_array());
  EXPECT_TRUE(json.next_item().value());
  EXPECT_EQ(json.number().value(), 1u);
  EXPECT_FALSE(json.next_item().value());
  EXPECT_TRUE(json.next_item().value());
  ASSERT_OK(json.enter_array());
  EXPECT_FALSE(json.next_item().value());
  EXPECT_FALSE(json.next_item().value());
  EXPECT_FALSE(json.next_key().value());
  EXPECT_EQ(*json.next_key().value(), "d");
  EXPECT_EQ(json.string().value(), "e");
  EXPECT_FALSE(json.next_key().value());
  EXPECT_OK(json.finish());
}

TEST(JsonCursor, DecodesStrings) {
  EXPECT_EQ(read_string(R"(\"\\\/\b\f\n\r\t)").value(), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(read_string(R"(a\u0000b\u007f\u00e9\u20AC\uD83d\uDE00c)").value(),
            "a\0b\x7f\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"
            "c"s);
  EXPECT_EQ(read_string("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f").value(),
            "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\x7f");
  EXPECT_EQ(read_string(R"(\ud7ff\ue000\udbff\udfff)").value(),
            "\xed\x9f\xbf\xee\x80\x80\xf4\x8f\xbf\xbf");
}

TEST(JsonCursor, RefusesStringsThatAreNone) {
  for (const char* half : {R"(\ud800)", R"(\udc00)", R"(\ud800x)", R"(\ud800\n)", R"(\ud800\ud800)",
                           R"(\ud800\u)", R"(\ud800\udc0)"}) {
    EXPECT_ERROR(read_string(half), ErrorKind::kContainer, "half of a surrogate pair") << half;
  }
  for (const char* escape : {R"(\x41)", R"(\u)", R"(\u00)", R"(\u00g0)", R"(\U0041)", R"(\ )"}) {
    EXPECT_ERROR(read_string(escape), ErrorKind::kContainer, "an escape that JSON does not have");
  }
  for (const char* raw : {"\x80", "\xc3", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff",
                          "\xc3\\u0041", "\\u00c3\x83"}) {
    EXPECT_ERROR(read_string(raw), ErrorKind::kContainer, "not UTF-8");
  }
  for (const std::string& raw : {"\n"s, "\x1f"s, "\0"s, "\xc3\xa9\n"s}) {
    EXPECT_ERROR(read_string(raw), ErrorKind::kContainer, "a control character");
  }
}

TEST(JsonCursor, ReadsWholeNumbersExactly) {
  EXPECT_EQ(read_numbers("[9007199254740993,18446744073709551615]").value(),
            (std::vector<std::uint64_t>{9007199254740993u, 18446744073709551615u}));
  const std::pair<const char*, const char*> wrong[] = {
      {"18446744073709551616", "more than 64 bits"},
      {"99999999999999999999999999999", "more than 64 bits"},
      {"00", "begins with 0"},
      {"01", "begins with 0"},
      {"1.0", "a fraction or an exponent"},
      {"1e3", "a fraction or an exponent"},
      {"0E0", "a fraction or an exponent"},
      {"-1", "'-' where a whole number"},
      {"-0", "'-' where a whole number"},
      {"+1", "'+' where a whole number"},
      {"\"1\"", "where a whole number"},
      {"true", "'t' where a whole number"},
      {"null", "'n' where a whole number"},
      {"", "ends where a whole number"},
      {"1x", "'x' where ',' or ']'"},
      {"1 2", "'2' where ',' or ']'"},
      {"1,", "where a whole number"},
  };
  for (const auto& [text, part] : wrong) {
    const std::string all = text[0] == '\0' ? "[1," : concat("[", text, "]");
    EXPECT_ERROR(read_numbers(all), ErrorKind::kContainer, part) << text;
  }
}

// The text as an array of one value that is of no interest; what skip_value() gave for it.
Result<std::string> skip(const std::string& value) {
  std::string text = concat("[", value, "]");
  JsonCursor json(text, 8);
  HARDLOAD_TRY(json.enter_array());
  HARDLOAD_ASSIGN(const bool is_there, json.next_item());
  if (!is_there) return std::string("nothing");
  HARDLOAD_ASSIGN(const std::string_view word, json.skip_value());
  std::string skipped(word);
  HARDLOAD_ASSIGN(const bool is_more, json.next_item());
  EXPECT_FALSE(is_more) << value;
  HARDLOAD_TRY(json.finish());
  return skipped;
}

TEST(JsonCursor, SkipsNumbersOfEveryForm) {
  for (const char* number : {"0", "-0", "12", "-12", "0.5", "-10.25", "1e3", "1E3", "2e+10",
                             "0.5E-07", "1e00", "123456789012345678901234567890"}) {
    const auto skipped = skip(number);
    ASSERT_OK(skipped) << number;
    EXPECT_EQ(*skipped, number);
  }
  for (const char* none : {"-", "+1", ".5", "1.", "1.e3", "-.5", "1e", "1e+", "1E-", "1.5e", "--1",
                           "01", "1.2.3", "1e2e3", "NaN", "Infinity", "-Infinity", "0x1"}) {
    EXPECT_ERROR(skip(none), ErrorKind::kContainer, "") << none;
  }
}

TEST(JsonCursor, SkipsOtherValues) {
  for (const char* word : {"true", "false", "null"}) EXPECT_EQ(skip(word).value(), word);
  for (const char* value : {R"("a]\"b")", "[]", "{}", R"([1.5,{"a":[null,-1e-3]},"]"])"}) {
    EXPECT_EQ(skip(value).value(), "") << value;
  }
  for (const char* none : {"tru", "nul", "[1,]", "{\"a\"}", "[1}", "'a'"}) {
    EXPECT_ERROR(skip(none), ErrorKind::kContainer, "") << none;
  }
}

TEST(JsonCursor, EveryStrictPrefixIsRefused) {
  const std::string whole = R"({"a":"b\n","\u00e9c":"\ud83d\ude00"})";
  EXPECT_OK(read_texts(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_ERROR(read_texts(whole.substr(0, size)), ErrorKind::kContainer) << size;
  }
}

TEST(JsonCursor, SaysWhereInTheFileItBreaks) {
  const std::pair<const char*, std::uint64_t> cases[] = {
      {"[]", 8},
      {"{\"a\" \"b\"}", 13},
      {"{\"a\":\"b\",}", 17},
      {"{} x", 11},
      {"{a:1}", 9},
      {"{\"a\":\"\\x\"}", 14},
      {"{\"a\":'b'}", 13},
      {"", 8},
      {"{\"a\":\"b\"", 16},
      {"{,}", 9},
  };
  for (const auto& [text, offset] : cases) {
    const auto read = read_texts(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().offset(), offset) << text << ": " << read.error().display();
  }
}

// What nlohmann-json makes of the text, where it is an object of texts without repeated keys.
std::optional<std::map<std::string, std::string>> oracle(const std::string& text) {
  bool is_repeated = false;
  std::vector<std::map<std::string, int>> seen;
  const auto watch = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::object_start) seen.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) seen.pop_back();
    if (event == nlohmann::json::parse_event_t::key) {
      is_repeated = is_repeated || seen.back()[parsed.get<std::string>()]++ != 0;
    }
    return true;
  };
  const auto json = nlohmann::json::parse(text, watch, false);
  if (!json.is_object() || is_repeated) return std::nullopt;
  std::map<std::string, std::string> texts;
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string()) return std::nullopt;
    texts[key] = value.get<std::string>();
  }
  return texts;
}

TEST(JsonCursor, AgreesWithAnotherReaderOnTextsChangedAtRandom) {
  const std::string pieces[] = {"{",  "}",     "\"", "\\", "\\u", "d800", "dc00", "0041",
                                ":",  ",",     " ",  "a",  "\\n", "\xc3", "\xa9", "\xed\xa0\x80",
                                "\n", "\"b\"", "[",  "1"};
  const std::string seeds[] = {R"({"a":"b","c":"d\n\u00e9"})", "{\"\xc3\xa9\":\"\\ud83d\\ude00\"}",
                               "{}", R"({ "x" : "\"\\" })"};
  std::mt19937 random(1);
  const auto pick = [&](std::size_t n) { return random() % n; };
  int accepted = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string text = seeds[pick(std::size(seeds))];
    for (std::size_t changes = pick(4); changes > 0; --changes) {
      const std::size_t at = pick(text.size() + 1);
      if (pick(2) == 0) text.insert(at, pieces[pick(std::size(pieces))]);
      if (pick(2) == 0) text.erase(at, 1 + pick(3));
    }
    const auto ours = read_texts(text);
    std::optional<std::map<std::string, std::string>> made;
    if (ours.ok()) {
      made.emplace(ours->begin(), ours->end());
      if (made->size() != ours->size()) made.reset();  // a repeated key is the caller's to refuse
    }
    EXPECT_EQ(made, oracle(text)) << text;
    accepted += made.has_value() ? 1 : 0;
  }
  EXPECT_GT(accepted, 20'000);
  EXPECT_LT(accepted, 180'000);
}

}  // namespace
}  // namespace hardload
