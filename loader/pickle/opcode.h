// Opcode: the pickle instructions that a checkpoint may hold.
//
// Protocol 2, as Python's pickler writes it for torch.save: the 34 that torch's own weights_only
// machine knows (torch/_weights_only_unpickler.py), LONG4 for integers over 255 bytes, POP and
// POP_MARK for tuples that contain themselves, and BINSTRING, which Python 2 wrote. Values from
// Python's Lib/pickle.py. The last ones are of protocol 4, for the `.metadata` of
// torch.distributed.checkpoint alone.
#pragma once

#include <cstdint>

namespace hardload {

enum class Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinFloat = 'G',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kEmptyDict = '}',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kEmptySet = 0x8f,
  kShortBinUnicode = 0x8c,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

}  // namespace hardload
