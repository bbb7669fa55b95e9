#include "bench/checkpoint_writer.h"

#include <cstdint>
#include <map>
#include <string_view>
#include <tuple>

#include <caffe2/serialize/inline_container.h>

namespace hardload::bench {
namespace {

// Python's pickler, for what a dict of tensors needs: small operands, and everything that occurs
// twice remembered in the memo.
class Pickler {
 public:
  Pickler() { out_ = std::string("\x80\x02", 2); }

  Pickler& op(char opcode) {
    out_ += opcode;
    return *this;
  }
  Pickler& text(const std::string& value) {
    return once("s" + value, [&] {
      op('X').little(value.size(), 4);
      out_ += value;
    });
  }
  Pickler& global(const std::string& module, const std::string& name) {
    return once("g" + module + name, [&] { out_ += "c" + module + "\n" + name + "\n"; });
  }
  Pickler& integer(std::int64_t value) {
    if (value >= 0 && value < 256) return op('K').little(static_cast<std::uint64_t>(value), 1);
    if (value >= 0 && value < 65536) return op('M').little(static_cast<std::uint64_t>(value), 2);
    if (value == static_cast<std::int32_t>(value)) {
      return op('J').little(static_cast<std::uint64_t>(value), 4);
    }
    // All eight bytes: the one width of LONG1 that LibTorch's reader knows.
    out_ += "\x8a\x08";
    return little(static_cast<std::uint64_t>(value), 8);
  }
  Pickler& integers(const std::vector<std::int64_t>& values) {
    op('(');
    for (const std::int64_t value : values) integer(value);
    return op('t').remember();
  }
  Pickler& remember() {
    return memo_size_ < 256 ? op('q').little(memo_size_++, 1) : op('r').little(memo_size_++, 4);
  }
  const std::string& bytes() const { return out_; }

 private:
  Pickler& little(std::uint64_t value, int width) {
    for (int i = 0; i < width; ++i) out_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  template <typename Write>
  Pickler& once(const std::string& key, const Write& write) {
    const auto known = memo_.find(key);
    if (known != memo_.end()) {
      return known->second < 256 ? op('h').little(known->second, 1)
                                 : op('j').little(known->second, 4);
    }
    memo_.emplace(key, memo_size_);
    write();
    return remember();
  }

  std::string out_;
  std::map<std::string, std::uint64_t> memo_;
  std::uint64_t memo_size_ = 0;
};

std::string pickle_dict(const std::vector<NamedShape>& entries) {
  Pickler pickle;
  pickle.op('}').remember().op('(');
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const std::vector<std::int64_t>& shape = entries[i].shape;
    std::vector<std::int64_t> strides(shape.size(), 1);
    std::int64_t numel = 1;
    for (std::size_t d = shape.size(); d-- > 0; numel *= shape[d]) strides[d] = numel;

    pickle.text(entries[i].name).global("torch._utils", "_rebuild_tensor_v2").op('(');
    pickle.op('(').text("storage");
    pickle.global("torch", entries[i].dtype == at::kLong ? "LongStorage" : "FloatStorage");
    pickle.text(std::to_string(i)).text("cpu").integer(numel).op('t').remember().op('Q');
    pickle.integer(0).integers(shape).integers(strides).op('\x89');
    pickle.global("collections", "OrderedDict").op(')').op('R').remember();
    pickle.op('t').remember().op('R').remember();
  }
  return pickle.op('u').op('.').bytes();
}

}  // namespace

void write_checkpoint(const std::string& path, const std::vector<NamedShape>& entries,
                      const std::function<at::Tensor(std::size_t)>& content) {
  caffe2::serialize::PyTorchStreamWriter writer(path);
  const auto record = [&](const std::string& name, std::string_view bytes) {
    writer.writeRecord(name, bytes.data(), bytes.size());
  };
  record("data.pkl", pickle_dict(entries));
  record(".format_version", "1");
  record("byteorder", "little");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const at::Tensor tensor = content(i);
    writer.writeRecord("data/" + std::to_string(i), tensor.const_data_ptr(),
                       static_cast<std::size_t>(tensor.nbytes()));
  }
  writer.writeEndOfFile();
}

}  // namespace hardload::bench
