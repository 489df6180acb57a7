/// Single scalars of valid UTF-8.
enum UTF8Scalar {
  /// The scalar at `position`, which moves past it. Bytes that are cut off read as 0, so even invalid text cannot
  /// lead out of the slice.
  static func decode(_ bytes: ArraySlice<UInt8>, _ position: inout Int) -> UInt32 {
    func continuation(_ offset: Int) -> UInt32 {
      position + offset < bytes.endIndex ? UInt32(bytes[position + offset] & 0x3F) : 0
    }
    let lead = UInt32(bytes[position])
    let scalar: UInt32
    let length: Int
    switch lead {
    case ..<0x80: (scalar, length) = (lead, 1)
    case ..<0xE0: (scalar, length) = ((lead & 0x1F) << 6 | continuation(1), 2)
    case ..<0xF0:
      (scalar, length) = ((lead & 0xF) << 12 | continuation(1) << 6 | continuation(2), 3)
    default:
      scalar =
        (lead & 7) << 18 | continuation(1) << 12 | continuation(2) << 6 | continuation(3)
      length = 4
    }
    position = min(position + length, bytes.endIndex)
    return min(scalar, 0x10FFFF)
  }

  static func encode(_ scalar: UInt32, _ bytes: inout [UInt8]) {
    func tail(_ shift: UInt32) -> UInt8 { UInt8(0x80 | (scalar >> shift) & 0x3F) }
    switch scalar {
    case ..<0x80: bytes.append(UInt8(scalar))
    case ..<0x800:
      bytes.append(UInt8(0xC0 | scalar >> 6))
      bytes.append(tail(0))
    case ..<0x10000:
      bytes.append(UInt8(0xE0 | scalar >> 12))
      bytes.append(tail(6))
      bytes.append(tail(0))
    default:
      bytes.append(UInt8(0xF0 | scalar >> 18))
      bytes.append(tail(12))
      bytes.append(tail(6))
      bytes.append(tail(0))
    }
  }
}
