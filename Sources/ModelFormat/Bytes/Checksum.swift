import CKernels

/// CRC-32C (Castagnoli): finds every burst of up to 32 damaged bits, at the speed of a copy.
package func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  zoo_crc32c(0, bytes.baseAddress, Int64(bytes.count))
}

/// Whether a checksum is the declared one. A fuzzing build takes any: what the fuzzer changes would never get past
/// this, and everything behind it must stand bytes with forged checksums anyway.
func isChecksum(_ actual: UInt32, _ declared: UInt32) -> Bool {
  #if FUZZING
    true
  #else
    actual == declared
  #endif
}
