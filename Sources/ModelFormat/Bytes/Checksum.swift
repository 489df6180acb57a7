import CKernels

/// CRC-32C (Castagnoli): finds every burst of up to 32 damaged bits, at the speed of a copy.
package func crc32c(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
  zoo_crc32c(0, bytes.baseAddress, Int64(bytes.count))
}
