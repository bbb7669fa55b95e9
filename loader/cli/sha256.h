// Sha256: FIPS 180-4, by OpenSSL.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace hardload {

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    // Else OpenSSL reads a file of settings, which may have it load libraries.
    OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    good_ = context_ && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }

  void update(std::span<const std::byte> bytes) {
    good_ = good_ && EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
  }

  // Lower-case hexadecimal; empty where the library failed. Call once.
  std::string hex() {
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (!good_ || EVP_DigestFinal_ex(context_.get(), bytes, &length) != 1) return "";
    std::string text;
    for (unsigned i = 0; i < length; ++i) {
      text += "0123456789abcdef"[bytes[i] >> 4];
      text += "0123456789abcdef"[bytes[i] & 15];
    }
    return text;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
  bool good_;
};

}  // namespace hardload
