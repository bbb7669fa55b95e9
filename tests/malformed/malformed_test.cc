// Every file of data/malformed/ gets the error that expected.json names, and every twin loads.

#include <cctype>
#include <cstddef>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "loader/base/dtype.h"
#include "loader/base/result.h"
#include "loader/bytes/byte_source.h"
#include "loader/bytes/file_source.h"
#include "loader/cli/digest.h"
#include "loader/cli/inspect.h"
#include "loader/cli/verify.h"
#include "loader/manifest/describe.h"
#include "loader/manifest/manifest.h"
#include "loader/place/device.h"
#include "loader/place/place.h"
#include "tests/support/malformed_cases.h"
#include "tests/support/matchers.h"

namespace hardload {
namespace {

using nlohmann::json;

// What each stage says of the file of a case.
struct Outcome {
  explicit Outcome(const json& expected)
      : source(FileSource::open("data/malformed/" + expected["file"].get<std::string>()).value()),
        manifest(describe(*source, {})),
        report(verify(*source, {})) {}

  bool is_refused() const { return !manifest.ok() || !report.ok() || !report->findings.empty(); }

  std::unique_ptr<ByteSource> source;
  Result<Manifest> manifest;
  Result<VerifyReport> report;
};

// The difference between the error and what is expected; empty where there is none.
std::string difference(const Error& error, const json& expected) {
  const bool equal = to_string(error.kind()) == expected["kind"].get<std::string>() &&
                     to_string(error.stage()) == expected["stage"].get<std::string>() &&
                     error.display().find(expected["part"].get<std::string>()) != std::string::npos;
  const std::string record = expected["record"];
  if (equal && (record.empty() || error.record() == record)) return "";
  return "got the " + std::string(to_string(error.stage())) + " stage's: " + error.display();
}

template <typename T>
std::string difference(const Result<T>& result, const json& expected) {
  return result.ok() ? "succeeded" : difference(result.error(), expected);
}

// Where the location tags of the file are on a machine that has no accelerator.
Result<std::vector<Device>> places(const Manifest& manifest) {
  const Devices devices = {{{"cuda", 0}}};
  return place(manifest, MapLocation(), [&]() -> const Devices& { return devices; });
}

std::string difference_of_refusal(const Outcome& outcome, const json& expected) {
  if (!outcome.report.ok()) return "verify: " + outcome.report.error().display();
  const auto& findings = outcome.report->findings;
  const bool is_described = expected.contains("describe");
  if (is_described && !outcome.manifest.ok()) return outcome.manifest.error().display();
  if (expected["stage"] == "place") {
    if (!findings.empty()) return "verify: " + findings[0].display();
    return difference(places(*outcome.manifest), expected);
  }
  if (findings.empty()) return "verify finds nothing";
  const std::string of_verify = difference(findings[0], expected);
  if (!of_verify.empty() || is_described) return of_verify;
  return difference(outcome.manifest, expected);
}

json listed(const Manifest& manifest, const TensorSpec& tensor, const Digests& digests) {
  const bool on_meta = tensor.storage == TensorSpec::kNoStorage;
  json out = {{"dtype", info(tensor.dtype).name},
              {"shape", manifest.shape(tensor)},
              {"device", on_meta ? "meta" : manifest.storages()[tensor.storage].location},
              {"sha256", nullptr}};
  const auto number = static_cast<std::size_t>(&tensor - manifest.tensors().data());
  if (number < digests.size() && digests[number]) out["sha256"] = *digests[number];
  return out;
}

// The difference between the tensors, and the values beside them, and what is expected.
std::string difference_of_content(const Outcome& outcome, const json& expected) {
  const Manifest& manifest = *outcome.manifest;
  auto digests = digest_tensors(*outcome.source, manifest, {});
  if (expected.contains("digest")) {
    if (digests.ok()) return "all elements were read";
    if (to_string(digests.error().kind()) != expected["digest"]) return digests.error().display();
    digests = Digests();
  }
  if (!digests.ok()) return digests.error().display();
  json tensors = json::object();
  for (const NamedTensor& named : manifest.named_tensors()) {
    tensors[std::string(manifest.name(named))] =
        listed(manifest, manifest.tensors()[named.tensor], *digests);
  }
  if (tensors != expected["tensors"]) return "listed: " + tensors.dump();
  if (!expected.contains("values")) return "";
  std::string text;
  write_inspect_json(manifest, *digests, [&](std::string_view part) { text += part; });
  const json values = json::parse(text)["values"];
  return values == expected["values"] ? "" : "values: " + values.dump();
}

std::string difference_of_success(const Outcome& outcome, const json& expected) {
  if (!outcome.manifest.ok()) return outcome.manifest.error().display();
  if (!outcome.report.ok()) return "verify: " + outcome.report.error().display();
  if (outcome.is_refused()) return "verify: " + outcome.report->findings[0].display();
  if (!expected.contains("names")) return difference_of_content(outcome, expected);
  json names = json::array();
  for (const NamedTensor& named : outcome.manifest->named_tensors()) {
    names.push_back(std::string(outcome.manifest->name(named)));
  }
  return names == expected["names"] ? "" : "listed: " + names.dump();
}

std::string difference(const Outcome& outcome, const json& expected) {
  return expected.contains("loads") ? difference_of_success(outcome, expected)
                                    : difference_of_refusal(outcome, expected);
}

class Malformed : public ::testing::TestWithParam<json> {};

TEST_P(Malformed, GetsWhatTheCatalogueSays) {
  const json& expected = GetParam();
  const Outcome outcome(expected);
  EXPECT_EQ(difference(outcome, expected), "") << expected.dump();
}

std::string name_of(const ::testing::TestParamInfo<json>& one) {
  std::string name = one.param["file"];
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Files, Malformed, ::testing::ValuesIn(testing::kept_malformed_cases()),
                         name_of);

TEST(MalformedFiles, AreCounted) {
  int refused = 0, loading = 0;
  for (const json& expected : testing::kept_malformed_cases()) {
    ++(expected.contains("loads") ? loading : refused);
  }
  std::cout << refused << " malformed files, " << loading << " that load\n";
  EXPECT_GT(refused, 400);
  EXPECT_GT(loading, 100);
}

}  // namespace
}  // namespace hardload
