import ModelFormat
import ZooRuntime

/// What the rules of differentiation are tested with: at least one case for each.
enum GradientCases {
  private typealias Case = GradientCase
  private static let around: ClosedRange<Double> = -2...2
  private static let positive: ClosedRange<Double> = 0.3...2

  private static func x(_ shape: Int..., in range: ClosedRange<Double> = -2...2) -> Case.Operand {
    .x(shape, range)
  }

  private static func i64(_ values: [Int], _ shape: [Int]? = nil) -> Case.Operand {
    operand { try Tensor(values, shape: shape ?? [values.count]) }
  }

  private static func f64(_ values: [Double], _ shape: [Int]? = nil) -> Case.Operand {
    operand { try Tensor(values, shape: shape ?? [values.count]) }
  }

  private static func bools(_ values: [Bool], _ shape: [Int]) -> Case.Operand {
    operand { try Tensor(values, shape: shape) }
  }

  private static func operand(_ make: () throws -> Tensor) -> Case.Operand {
    do { return .given(try make()) } catch { preconditionFailure("\(error)") }
  }

  static let all: [GradientCase] =
    unary + binary + matrix + windows + reductions + normalization + movement + indexing + losses
    + composed

  private static let unary: [Case] =
    [
      "Abs", "Asinh", "Atan", "Cos", "Cosh", "Erf", "Exp", "Identity", "Neg", "Sin", "Sinh", "Tan",
      "Tanh", "Celu", "Elu", "Gelu", "HardSigmoid", "HardSwish", "LeakyRelu", "Mish", "Relu",
      "Selu",
      "Shrink", "Sigmoid", "Softplus", "Softsign", "ThresholdedRelu", "Floor", "Sign",
    ].flatMap { name in
      [[3, 4], [], [0, 2]].map { Case(name, [.x($0, name == "Tan" ? -1.2...1.2 : around)]) }
    } + [
      Case("Acos", [x(5, in: -0.9...0.9)]), Case("Asin", [x(5, in: -0.9...0.9)]),
      Case("Atanh", [x(5, in: -0.9...0.9)]), Case("Acosh", [x(5, in: 1.2...3)]),
      Case("Log", [x(5, in: positive)]), Case("Sqrt", [x(5, in: positive)]),
      Case("Reciprocal", [x(5, in: positive)]),
      Case("Swish", [x(5)], [Attribute("alpha", 1.5)], opset: 24),
      Case("Gelu", [x(7)], [Attribute("approximate", "tanh")]),
      Case("Celu", [x(7)], [Attribute("alpha", 0.7)]),
      Case("Elu", [x(7)], [Attribute("alpha", 0.7)]),
      Case("Cast", [x(3)], [Attribute("to", Int(ElementType.f64.rawValue))]),
      Case("Clip", [x(9), f64([-1], []), f64([1], [])]),
      Case("Clip", [x(9), x(in: -0.5...0.5), x(in: 0.6...0.9)]),
      Case("Clip", [x(9), x(in: 0.6...0.9), x(in: -0.5...0.5)]),
      Case("Clip", [x(9), .none, x(in: 0...0.9)]), Case("Clip", [x(9), x(in: 0...0.9)]),
      Case("Clip", [x(9)], [Attribute("min", -0.5), Attribute("max", 0.5)], opset: 6),
      Case(
        "Dropout", [x(9), f64([0.5], []), bools([true], [])], [Attribute("seed", 3)], outputs: 2),
      Case("Dropout", [x(9)], outputs: 2),
    ]

  private static let binary: [Case] =
    ["Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Sum", "Mean", "Mod"].flatMap { name in
      [
        ([2, 3], [2, 3]), ([2, 3], [3]), ([3], [2, 1]), ([2, 1, 3], [4, 1]), ([], [2, 2]),
        ([1, 1], [3]), ([0, 2], [1, 2]), ([1], [2, 0]),
      ].map { a, b in
        Case(
          name, [.x(a, positive), .x(b, positive)], name == "Mod" ? [Attribute("fmod", 1)] : [])
      }
    } + [
      Case("Sum", [x(2), x(1), x(2, 1)]), Case("Mean", [x(2), x(1), x(2, 1)]),
      Case("Max", [x(2), x(1), x(2, 1)]), Case("PRelu", [x(2, 3), x(3)]),
      Case("PRelu", [x(2, 3), x(1)]),
      Case("Pow", [x(4), f64([2], [])]), Case("Pow", [x(4), i64([3], [])]),
      Case("Where", [bools([true, false], [2, 1]), x(3), x(2, 3)]),
    ]

  private static let matrix: [Case] =
    [
      ([2, 3], [3, 4]), ([3], [3]), ([3], [3, 4]), ([2, 3], [3]), ([5, 2, 3], [3, 4]),
      ([2, 3], [5, 3, 4]), ([5, 1, 2, 3], [2, 3, 4]), ([3], [5, 3, 4]), ([5, 2, 3], [3]),
      ([0, 3], [3, 2]),
      ([2, 0], [0, 3]), ([1, 1], [1, 1]), ([1, 2, 3], [4, 3, 2]),
    ].map { Case("MatMul", [.x($0, around), .x($1, around)]) }
    + [(false, false), (true, false), (false, true), (true, true)].map { a, b in
      Case(
        "Gemm", [.x(a ? [3, 2] : [2, 3], around), .x(b ? [4, 3] : [3, 4], around), x(4)],
        [
          Attribute("transA", a ? 1 : 0), Attribute("transB", b ? 1 : 0), Attribute("alpha", 0.5),
          Attribute("beta", 2.0),
        ])
    } + [
      Case("Gemm", [x(2, 3), x(3, 4)]), Case("Gemm", [x(2, 3), x(3, 4), x(2, 1)]),
      Case("Einsum", [x(2, 3), x(3, 4)], [Attribute("equation", "ij,jk->ik")]),
      Case("Einsum", [x(2, 3, 4), x(2, 4, 5)], [Attribute("equation", "bij,bjk->kbi")]),
    ]

  private static func window(
    _ kernel: [Int]? = nil, strides: [Int] = [1, 1], dilations: [Int] = [1, 1],
    pads: [Int] = [0, 0, 0, 0], _ others: [Attribute] = []
  ) -> [Attribute] {
    (kernel.map { [Attribute("kernel_shape", $0)] } ?? [])
      + [Attribute("strides", strides), Attribute("dilations", dilations), Attribute("pads", pads)]
      + others
  }

  private static let windows: [Case] = convolutions + transposed + pools

  private static let convolutions: [Case] = [
    Case("Conv", [x(2, 3, 5, 4), x(4, 3, 3, 2)]),
    Case(
      "Conv", [x(2, 3, 7, 6), x(4, 3, 3, 2), x(4)],
      window(strides: [2, 3], dilations: [2, 1], pads: [1, 0, 2, 1])),
    Case(
      "Conv", [x(2, 4, 6, 5), x(6, 2, 2, 2), x(6)],
      window(strides: [2, 2], pads: [1, 1, 0, 0], [Attribute("group", 2)]), ),
    Case(
      "Conv", [x(1, 3, 5, 5), x(3, 1, 3, 3)], window(pads: [1, 1, 1, 1], [Attribute("group", 3)]), ),
    Case(
      "Conv", [x(2, 2, 7), x(3, 2, 3)], [Attribute("strides", [2])]),
    Case("Conv", [x(1, 1, 1, 1), x(1, 1, 1, 1)]),
  ]

  private static let transposed: [Case] = [
    Case("ConvTranspose", [x(2, 3, 3, 4), x(3, 2, 2, 3), x(2)]),
    Case(
      "ConvTranspose", [x(1, 3, 3, 4), x(3, 2, 3, 2)],
      window(
        strides: [2, 3], dilations: [2, 1], pads: [1, 0, 2, 1],
        [Attribute("output_padding", [1, 0])]), ),
    Case(
      "ConvTranspose", [x(1, 4, 3, 3), x(4, 2, 2, 2)], [Attribute("group", 2)]),
  ]

  private static let pools: [Case] = [
    Case("MaxPool", [x(2, 2, 5, 5)], window([2, 2], strides: [2, 2])),
    Case(
      "MaxPool", [x(1, 2, 5, 6)],
      window([3, 2], dilations: [1, 2], pads: [1, 1, 1, 0], [Attribute("ceil_mode", 1)])),
    Case(
      "AveragePool", [x(2, 2, 5, 5)], window([2, 2], strides: [2, 2])),
    Case(
      "AveragePool", [x(1, 2, 6, 5)],
      window([3, 2], strides: [2, 2], pads: [1, 1, 0, 1], [Attribute("count_include_pad", 1)]), ),
    Case(
      "AveragePool", [x(1, 2, 6, 5)],
      window([3, 2], strides: [2, 2], pads: [1, 0, 1, 1], [Attribute("ceil_mode", 1)]), ),
    Case("AveragePool", [x(1, 3, 7)], [Attribute("kernel_shape", [3])]),
    Case("GlobalAveragePool", [x(2, 3, 2, 4)]), Case("GlobalMaxPool", [x(2, 3, 2, 4)]),
    Case("GlobalLpPool", [x(2, 3, 4)], [Attribute("p", 3)]),
  ]

  private static let reductions: [Case] =
    [
      "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare",
      "ReduceL1",
      "ReduceL2", "ReduceLogSum", "ReduceLogSumExp",
    ].flatMap { name in
      [
        Case(name, [x(2, 3, 2, in: positive), i64([1])]), Case(name, [x(2, 3, in: positive)]),
        Case(name, [x(2, 3, 2, in: positive), i64([0, -1])], [Attribute("keepdims", 0)]),
        Case(name, [x(2, 1, in: positive), i64([1])]), Case(name, [x(in: positive)]),
      ]
    } + [
      Case("ReduceSum", [x(0, 3), i64([0])]), Case("ReduceMean", [x(2, 0), i64([0])]),
      Case("ReduceSum", [x(2, 3)], [Attribute("axes", [0])], opset: 11),
      Case("ReduceSum", [x(2, 3), i64([])], [Attribute("noop_with_empty_axes", 1)]),
      Case("CumSum", [x(2, 3), i64([1], [])]),
      Case(
        "CumSum", [x(2, 3), i64([0], [])], [Attribute("exclusive", 1), Attribute("reverse", 1)]),
      Case("TopK", [x(3, 5), i64([2])], [Attribute("axis", 1)], outputs: 2),
    ]

  private static let normalization: [Case] =
    ["Softmax", "LogSoftmax"].flatMap { name in
      [
        Case(name, [x(2, 3, 2)], [Attribute("axis", 1)]), Case(name, [x(2, 3)]),
        Case(name, [x(2, 1)]),
        Case(name, [x(0, 3)]), Case(name, [x(2, 3, 2)], [Attribute("axis", 1)], opset: 11),
      ]
    } + [
      Case("LayerNormalization", [x(2, 3, 4), x(4), x(4)]),
      Case("LayerNormalization", [x(2, 3, 4), x(3, 4), x(3, 4)], [Attribute("axis", 1)]),
      Case("LayerNormalization", [x(2, 4), x(4)]),
      Case("RMSNormalization", [x(2, 3, 4), x(4)], opset: 23),
      Case("InstanceNormalization", [x(2, 3, 4), x(3), x(3)]),
      Case("BatchNormalization", [x(2, 3, 2, 2), x(3), x(3), x(3), x(3, in: positive)]),
      Case("BatchNormalization", [x(4, 3), x(3), x(3), x(3), x(3, in: positive)]),
      Case(
        "BatchNormalization", [x(3, 2, 4), x(2), x(2), f64([0, 0]), f64([1, 1])],
        [Attribute("training_mode", 1)], outputs: 3),
      Case("LpNormalization", [x(2, 3)]),
      Case("LpNormalization", [x(2, 3)], [Attribute("p", 1), Attribute("axis", 0)]),
    ]

  private static let movement: [Case] = [
    Case("Reshape", [x(2, 3), i64([3, -1])]),
    Case("Reshape", [x(0, 3), i64([3, 0])], [Attribute("allowzero", 1)]),
    Case("Flatten", [x(2, 3, 2)]), Case("Squeeze", [x(2, 1, 3), i64([1])]),
    Case("Squeeze", [x(1, 2, 1)]),
    Case("Squeeze", [x(2, 1)], [Attribute("axes", [1])], opset: 11),
    Case("Unsqueeze", [x(2, 3), i64([0, -1])]), Case("Transpose", [x(2, 3, 4)]),
    Case("Transpose", [x(2, 3, 4)], [Attribute("perm", [1, 2, 0])]),
    Case("Expand", [x(3, 1), i64([2, 3, 4])]), Case("Expand", [x(1), i64([0])]),
    Case("Expand", [x(2, 3), i64([1])]),
    Case("Concat", [x(2, 3), x(2, 1), x(2, 0)], [Attribute("axis", 1)]),
    Case("Concat", [x(2)], [Attribute("axis", 0)]),
    Case("Split", [x(5, 2), i64([2, 3])], outputs: 2, output: 1),
    Case("Split", [x(2, 6)], [Attribute("axis", 1), Attribute("num_outputs", 3)], outputs: 3),
    Case("Pad", [x(2, 3), i64([1, 0, 0, 2])]), Case("Pad", [x(2, 3), i64([-1, 1, 0, -1]), x()]),
    Case("Pad", [x(2, 3), i64([1, 2]), .none, i64([1])]),
    Case("Pad", [x(2, 4), i64([0, 2, 0, 1])], [Attribute("mode", "reflect")]),
    Case("Pad", [x(2, 4), i64([1, 2, 0, 1])], [Attribute("mode", "edge")]),
    Case("Trilu", [x(3, 4)]), Case("Trilu", [x(3, 4), i64([1], [])], [Attribute("upper", 0)]),
    Case("Slice", [x(5, 4), i64([1, -1]), i64([4, -5]), i64([0, 1]), i64([2, -1])]),
    Case("Slice", [x(5, 4)], [Attribute("starts", [1]), Attribute("ends", [3])], opset: 9),
    Case("Slice", [x(5), i64([3]), i64([3])]), Case("Tile", [x(2, 3), i64([2, 2])]),
    Case("DepthToSpace", [x(1, 8, 2, 3)], [Attribute("blocksize", 2)]),
    Case("SpaceToDepth", [x(1, 2, 4, 6)], [Attribute("blocksize", 2)]),
    Case("ReverseSequence", [x(3, 2), i64([3, 2])]),
    Case("Compress", [x(3, 2), bools([true, false, true], [3])], [Attribute("axis", 0)]),
  ]

  private static let indexing: [Case] = [
    Case("Gather", [x(4, 3), i64([0, -1, 0, 2])]),
    Case("Gather", [x(2, 4, 3), i64([0, 3, 3, 1], [2, 2])], [Attribute("axis", 1)]),
    Case("Gather", [x(4, 3), i64([1], [])], [Attribute("axis", -1)]),
    Case("Gather", [x(4), i64([], [0])]),
    Case("GatherElements", [x(2, 3), i64([0, 0, -1, 2], [2, 2])], [Attribute("axis", 1)]),
    Case("GatherND", [x(2, 3, 2), i64([0, 1, 0, 1, 1, 2], [3, 2])]),
    Case("GatherND", [x(2, 3, 2), i64([1, 0], [2, 1])], [Attribute("batch_dims", 1)]),
    Case("ScatterElements", [x(3, 3), i64([0, 2, 1], [1, 3]), x(1, 3)]),
    Case(
      "ScatterElements", [x(3, 3), i64([0, 2, 0], [1, 3]), x(1, 3)], [Attribute("reduction", "add")]
    ),
    Case("ScatterND", [x(4, 2), i64([1, 3], [2, 1]), x(2, 2)]),
    Case("ScatterND", [x(4, 2), i64([1, 1], [2, 1]), x(2, 2)], [Attribute("reduction", "add")]),
  ]

  private static let losses: [Case] =
    ["NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"].flatMap { name in
      ["none", "sum", "mean"].flatMap { reduction in
        [
          Case(name, [x(3, 4), i64([0, 3, 1])], [Attribute("reduction", reduction)]),
          Case(
            name, [x(2, 3, 2), i64([0, 2, 1, 1], [2, 2]), f64([0.5, 2, 1])],
            [Attribute("reduction", reduction), Attribute("ignore_index", 1)]),
          Case(
            name, [x(2, 3), i64([-1, 2])],
            [Attribute("reduction", reduction), Attribute("ignore_index", -1)]),
        ]
      }
    } + [
      Case("SoftmaxCrossEntropyLoss", [x(3, 4), i64([0, 3, 1])], outputs: 2, output: 1)
    ]

  // Operators that are differentiated through others.

  private static let composed: [Case] =
    composedNormalization + resampling + sampling + signals + attention + recurrent

  private static let composedNormalization: [Case] = [
    Case("GroupNormalization", [x(2, 4, 3), x(4), x(4)], [Attribute("num_groups", 2)]),
    Case(
      "GroupNormalization", [x(2, 4, 2, 2), x(2), x(2)], [Attribute("num_groups", 2)], opset: 18),
    Case("MeanVarianceNormalization", [x(2, 3, 2, 2)], opset: 13),
    Case("MeanVarianceNormalization", [x(2, 3)], [Attribute("axes", [-1])], opset: 13),
    Case("LRN", [x(2, 5, 2, 2)], [Attribute("size", 3), Attribute("alpha", 0.5)], opset: 13),
    Case(
      "LRN", [x(1, 4, 3)],
      [
        Attribute("size", 2), Attribute("alpha", 0.9), Attribute("beta", 0.6),
        Attribute("bias", 2.0),
      ]
    ),
    Case("LpPool", [x(1, 2, 5, 4)], window([2, 3], strides: [2, 1], [Attribute("p", 3)])),
    Case("LpPool", [x(1, 2, 5)], [Attribute("kernel_shape", [2]), Attribute("pads", [1, 0])]),
    Case("CumProd", [x(2, 3), i64([1], [])], opset: 26),
    Case(
      "CumProd", [x(3, 2), i64([0], [])], [Attribute("exclusive", 1), Attribute("reverse", 1)],
      opset: 26),
    Case("Det", [x(3, 3)]), Case("Det", [x(2, 2, 2)]), Case("Det", [x(2, 1, 1)]),
    Case(
      "CausalConvWithState", [x(2, 3, 4), x(3, 1, 3), x(3), x(2, 3, 2)], opset: 27, outputs: 2,
      needsExtents: true),
    Case(
      "CausalConvWithState", [x(1, 2, 5), x(2, 1, 2)], [Attribute("activation", "silu")],
      opset: 27, outputs: 2, output: 1, needsExtents: true),
    Case("CenterCropPad", [x(4, 5), i64([2, 8])]),
    Case("CenterCropPad", [x(2, 3, 5), i64([4])], [Attribute("axes", [-2])]),
    Case("Col2Im", [x(1, 8, 6), i64([3, 4]), i64([2, 2])]),
    Case(
      "Col2Im", [x(2, 6, 9), i64([5, 4]), i64([3, 1])],
      [
        Attribute("strides", [2, 2]), Attribute("dilations", [1, 1]),
        Attribute("pads", [1, 1, 1, 0]),
      ]
    ),
    Case(
      "MaxUnpool", [x(1, 1, 2, 2), i64([5, 7, 13, 15], [1, 1, 2, 2])],
      [Attribute("kernel_shape", [2, 2]), Attribute("strides", [2, 2])]),
  ]

  private static func scales(_ values: [Float]) -> Case.Operand {
    operand { try Tensor(values, shape: [values.count]) }
  }

  private static let resampling: [Case] =
    ["nearest", "linear", "cubic"].flatMap { mode in
      [
        Case(
          "Resize", [x(1, 2, 3, 4), .none, scales([1, 1, 2, 1.5])], [Attribute("mode", mode)]),
        Case(
          "Resize", [x(1, 2, 4, 5), .none, .none, i64([1, 2, 3, 7])],
          [Attribute("mode", mode), Attribute("coordinate_transformation_mode", "align_corners")]),
        Case(
          "Resize", [x(2, 5, 3), .none, .none, i64([3])],
          [
            Attribute("mode", mode), Attribute("axes", [1]),
            Attribute("exclude_outside", mode == "cubic" ? 1 : 0),
          ]),
      ]
    } + [
      Case(
        "Resize", [x(1, 1, 6, 4), .none, scales([1, 1, 0.5, 0.6])],
        [Attribute("mode", "linear"), Attribute("antialias", 1)]),
      Case(
        "Resize", [x(1, 1, 3, 2), scales([1, 1, 2, 2])], [Attribute("mode", "linear")], opset: 10),
      Case(
        "Upsample", [x(1, 1, 3, 2), scales([1, 1, 2, 3])], [Attribute("mode", "nearest")], opset: 9),
      Case("AffineGrid", [x(2, 2, 3), i64([2, 1, 3, 4])], opset: 20),
      Case(
        "AffineGrid", [x(1, 3, 4), i64([1, 2, 2, 3, 2])], [Attribute("align_corners", 1)], opset: 20
      ),
    ]

  private static let sampling: [Case] =
    ["zeros", "border", "reflection"].flatMap { padding in
      [0, 1].map { aligned in
        Case(
          "GridSample", [x(2, 2, 3, 4), x(2, 2, 3, 2, in: -1.4...1.4)],
          [
            Attribute("mode", "linear"), Attribute("padding_mode", padding),
            Attribute("align_corners", aligned),
          ])
      }
    } + [
      Case(
        "GridSample", [x(1, 2, 3, 4), x(1, 2, 3, 2, in: -1.4...1.4)], [Attribute("mode", "nearest")]
      ),
      Case("GridSample", [x(1, 2, 3, 2, 4), x(1, 2, 1, 3, 3, in: -1.2...1.2)]),
      Case(
        "GridSample", [x(1, 1, 3, 3), x(1, 2, 2, 2, in: -1...1)], [Attribute("mode", "bilinear")],
        opset: 16),
      Case(
        "RoiAlign",
        [x(2, 2, 5, 6), f64([0.3, 0.6, 4.2, 3.9, 1.1, 0.2, 5.3, 4.4], [2, 4]), i64([1, 0])],
        [
          Attribute("output_height", 2), Attribute("output_width", 3),
          Attribute("sampling_ratio", 2),
        ]),
      Case(
        "RoiAlign", [x(1, 1, 4, 4), x(3, 4, in: 0.1...3.2), i64([0, 0, 0])],
        [
          Attribute("output_height", 2), Attribute("output_width", 2),
          Attribute("sampling_ratio", 1), Attribute("spatial_scale", 0.7),
          Attribute("coordinate_transformation_mode", "output_half_pixel"),
        ]),
      Case(
        "DeformConv", [x(1, 2, 4, 4), x(3, 2, 2, 2), x(1, 8, 3, 3, in: -0.9...0.9)],
        needsExtents: true),
      Case(
        "DeformConv",
        [
          x(2, 4, 5, 4), x(2, 2, 2, 2), x(2, 16, 3, 3, in: -0.9...0.9), x(2),
          x(2, 8, 3, 3, in: positive),
        ],
        window(
          strides: [2, 1], pads: [1, 0, 1, 0],
          [Attribute("group", 2), Attribute("offset_group", 2)]
        ), needsExtents: true),
    ]

  private static let signals: [Case] = [
    Case("DFT", [x(2, 5, 1)], opset: 20), Case("DFT", [x(2, 5, 2)], opset: 20),
    Case("DFT", [x(1, 4, 1)], [Attribute("onesided", 1)], opset: 20),
    Case("DFT", [x(2, 6, 1), i64([4], [])], [Attribute("onesided", 1)], opset: 20),
    Case("DFT", [x(2, 3, 2), i64([5], [])], [Attribute("inverse", 1)], opset: 20),
    Case("DFT", [x(3, 2, 2), .none, i64([0], [])], opset: 20),
    Case("DFT", [x(2, 4, 1)], [Attribute("axis", 1)], opset: 17),
    Case("STFT", [x(2, 9, 1), i64([2], []), .none, i64([4], [])]),
    Case("STFT", [x(1, 8, 1), i64([3], []), x(4)]),
    Case("STFT", [x(1, 7, 2), i64([2], []), x(3)], [Attribute("onesided", 0)]),
  ]

  private static let attention: [Case] = [
    Case("Attention", [x(2, 2, 3, 4), x(2, 2, 5, 4), x(2, 2, 5, 3)], opset: 23),
    Case(
      "Attention", [x(1, 3, 8), x(1, 4, 4), x(1, 4, 4)],
      [Attribute("q_num_heads", 4), Attribute("kv_num_heads", 2), Attribute("softcap", 1.5)],
      opset: 23),
    Case(
      "Attention",
      [x(1, 2, 3, 2), x(1, 2, 3, 2), x(1, 2, 3, 2), .none, x(1, 2, 2, 2), x(1, 2, 2, 2)],
      [Attribute("is_causal", 1), Attribute("scale", 0.7)], opset: 23, outputs: 3),
    Case(
      "Attention",
      [
        x(1, 1, 2, 3), x(1, 1, 3, 3), x(1, 1, 3, 2),
        bools([true, false, true, true, true, false], [2, 3]),
      ], opset: 23),
    Case("Attention", [x(1, 2, 2, 3), x(1, 2, 3, 3), x(1, 2, 3, 2), x(2, 3)], opset: 23),
  ]

  private static func i32(_ values: [Int32]) -> Case.Operand {
    operand { try Tensor(values, shape: [values.count]) }
  }

  private static let recurrent: [Case] =
    ["LSTM", "GRU", "RNN"].flatMap { name in
      let gates = name == "LSTM" ? 4 : name == "GRU" ? 3 : 1
      let outputs = name == "LSTM" ? 3 : 2
      let hidden = Attribute("hidden_size", 2)
      return (0..<outputs).map { output in
        Case(
          name, [x(3, 2, 2), x(1, gates * 2, 2), x(1, gates * 2, 2), x(1, gates * 4)], [hidden],
          outputs: outputs, output: output)
      } + [
        Case(
          name,
          [
            x(3, 2, 1), x(2, gates * 2, 1), x(2, gates * 2, 2), x(2, gates * 4), i32([3, 1]),
            x(2, 2, 2),
          ] + (name == "LSTM" ? [x(2, 2, 2), x(2, 6)] : []),
          [hidden, Attribute("direction", "bidirectional")], outputs: outputs),
        Case(
          name, [x(2, 3, 1), x(1, gates * 2, 1), x(1, gates * 2, 2)],
          [hidden, Attribute("direction", "reverse"), Attribute("layout", 1)], outputs: outputs,
          output: 1),
      ]
    } + [
      Case(
        "GRU", [x(2, 1, 2), x(1, 6, 2), x(1, 6, 2), x(1, 12)],
        [Attribute("hidden_size", 2), Attribute("linear_before_reset", 1)], outputs: 2),
      Case(
        "LSTM", [x(2, 1, 2), x(1, 8, 2), x(1, 8, 2)],
        [
          Attribute("hidden_size", 2), Attribute("input_forget", 1), Attribute("clip", 1.5),
          Attribute("activations", .strings(["HardSigmoid", "ScaledTanh", "Affine"])),
          Attribute("activation_alpha", .floats([0.3, 0.8, 1.2])),
          Attribute("activation_beta", .floats([0.4, 0.9, 0.1])),
        ], outputs: 3),
    ]
}
