// PM4 packets as text: a line for each packet with its place, its dwords and what they say. Numbers
// of packets, registers and fields are written down here from their documentation (Linux amdgpu,
// nvd.h and gc_11_0_0_offset.h), not taken from the driver, whose packets this is to show.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace rosso::dump {

struct PacketText {
  size_t at = 0;                   // of the header, in dwords
  std::vector<uint32_t> dwords;    //
  std::string name;                // "SET_SH_REG"
  std::vector<std::string> fields; // "COMPUTE_NUM_THREAD_X = 256"
};

/// What lies at an address, for people: "launch 3 (matvec...)", or empty.
using AddressNames = std::function<std::string(uint64_t)>;

/// Whatever the dwords: what is no packet is said to be none, and ends the list.
std::vector<PacketText> decodePackets(std::span<const uint32_t> stream,
                                      const AddressNames &names = {});

/// "0x0012  c0007600 00000240 ...  SET_SH_REG  COMPUTE_USER_DATA_0 = ...", more lines for more
/// fields.
std::string str(const PacketText &packet);

} // namespace rosso::dump
