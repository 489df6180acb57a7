/// Calls `body` with the place in row-major order and the offset under `strides` of each position of a box.
@inline(__always)
func forEachOffset(_ extents: [Int], _ strides: [Int], _ body: (Int, Int) -> Void) {
  if extents.contains(0) { return }
  guard let inner = extents.last, let step = strides.last else { return body(0, 0) }
  let outer = extents.dropLast().reduce(1, *)
  var digits = [Int](repeating: 0, count: extents.count)
  var offset = 0
  for row in 0..<outer {
    for place in 0..<inner { body(row * inner + place, offset + place * step) }
    var axis = extents.count - 2
    while axis >= 0 {
      digits[axis] += 1
      offset += strides[axis]
      if digits[axis] < extents[axis] { break }
      offset -= digits[axis] * strides[axis]
      digits[axis] = 0
      axis -= 1
    }
  }
}

/// Copies one element of `width` bytes.
@inline(__always)
func copyElement(_ to: UnsafeMutableRawPointer, _ from: UnsafeRawPointer, _ width: Int) {
  switch width {
  case 1: to.storeBytes(of: from.loadUnaligned(as: UInt8.self), as: UInt8.self)
  case 2: to.storeBytes(of: from.loadUnaligned(as: UInt16.self), as: UInt16.self)
  case 4: to.storeBytes(of: from.loadUnaligned(as: UInt32.self), as: UInt32.self)
  case 8: to.storeBytes(of: from.loadUnaligned(as: UInt64.self), as: UInt64.self)
  default: to.copyMemory(from: from, byteCount: width)
  }
}
