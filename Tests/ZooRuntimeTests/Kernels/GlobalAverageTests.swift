import CKernels
import Testing

@Suite struct GlobalAverageTests {
  /// The order of additions is part of what the kernel promises.
  @Test(arguments: [1, 7, 8, 9, 16, 35], [1, 2, 49, 4097])
  func addsInStorageOrder(planes: Int, extent: Int) {
    var noise = Noise(seed: 3)
    let x = noise.floats(planes * extent)
    var y = [Float](repeating: 0, count: planes)
    zoo_global_average_f32(x, &y, planes, extent)
    let want = (0..<planes).map { plane in
      x[plane * extent..<(plane + 1) * extent].reduce(0, +) / Float(extent)
    }
    #expect(y == want)
  }

  @Test func noElementsHaveNoMean() {
    var y: [Float] = [0, 0]
    zoo_global_average_f32([], &y, 2, 0)
    #expect(y.allSatisfy { $0.isNaN })
  }
}
