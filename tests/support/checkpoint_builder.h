// CheckpointBuilder: whole files of torch.save for tests.
//
//   std::string bytes = CheckpointBuilder()
//       .pickle(PickleBuilder().tensor("FloatStorage", "0", 2, {2}, {1}).stop())
//       .storage("0", std::string(8, '\1'))
//       .build();
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tests/support/zip_builder.h"

namespace hardload::testing {

class CheckpointBuilder {
 public:
  CheckpointBuilder& pickle(std::string bytes) {
    pickle_ = std::move(bytes);
    return *this;
  }
  CheckpointBuilder& storage(std::string key, std::string bytes) {
    return record("data/" + std::move(key), std::move(bytes));
  }
  // Any other record of the archive's folder. Replaces version and byteorder, too.
  CheckpointBuilder& record(std::string name, std::string bytes, RecordTweaks tweaks = {}) {
    records_.push_back({std::move(name), std::move(bytes), std::move(tweaks)});
    return *this;
  }
  CheckpointBuilder& without(std::string name) {
    left_out_.push_back(std::move(name));
    return *this;
  }
  CheckpointBuilder& folder(std::string name) {
    folder_ = std::move(name);
    return *this;
  }

  ZipBuilder zip() const {
    ZipBuilder zip;
    const auto given = [&](const std::string& name) {
      for (const auto& record : records_) {
        if (record.name == name) return true;
      }
      for (const auto& left_out : left_out_) {
        if (left_out == name) return true;
      }
      return false;
    };
    if (!given("data.pkl")) zip.add(folder_ + "/data.pkl", pickle_);
    if (!given(".format_version")) zip.add(folder_ + "/.format_version", "1");
    if (!given("byteorder")) zip.add(folder_ + "/byteorder", "little");
    for (const auto& record : records_) {
      zip.add(folder_ + "/" + record.name, record.bytes, record.tweaks);
    }
    if (!given("version")) zip.add(folder_ + "/version", "3\n");
    return zip;
  }
  std::string build() const { return zip().build(); }

 private:
  struct Record {
    std::string name, bytes;
    RecordTweaks tweaks;
  };
  std::string folder_ = "model";
  std::string pickle_;
  std::vector<Record> records_;
  std::vector<std::string> left_out_;
};

}  // namespace hardload::testing
