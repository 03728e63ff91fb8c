#include "support/Sha256.h"

#include <gtest/gtest.h>

namespace rosso {
namespace {

std::string digestOf(std::string_view text) {
  Sha256 hash;
  hash.add(text);
  return hex(hash.finish());
}

// Expected values: the examples of FIPS 180-2, appendix B, and NIST's vector of a million 'a'.
TEST(Sha256, GivesTheDigestsOfTheStandard) {
  EXPECT_EQ(digestOf(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digestOf("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digestOf("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digestOf(std::string(1000000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesAreCut) {
  std::string text;
  for (int i = 0; i < 300; ++i)
    text += static_cast<char>(i * 7);
  for (size_t length : {0u, 1u, 54u, 55u, 56u, 63u, 64u, 65u, 119u, 120u, 128u, 300u})
    for (size_t piece : {1u, 3u, 63u, 64u, 65u}) {
      Sha256 hash;
      for (size_t at = 0; at < length; at += piece)
        hash.add(std::string_view(text).substr(at, std::min(piece, length - at)));
      EXPECT_EQ(hex(hash.finish()), digestOf(text.substr(0, length))) << length << " by " << piece;
    }
}

} // namespace
} // namespace rosso
