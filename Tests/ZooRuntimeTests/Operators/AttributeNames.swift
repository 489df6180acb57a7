import ZooRuntime

/// The attributes of all operators of ONNX by kind, for nodes that are wrong on purpose. Source: `onnx.defs` of onnx
/// 1.23.2, all versions; a name may have been of several kinds.
enum AttributeNames {
  static let ints = names(
    """
    aggregate_function align_corners allowzero antialias axis batch_axis batch_dims block_size \
    blocksize broadcast ceil_mode center_point_box chunk_size count_include_pad default_int64 \
    detect_negative detect_positive dtype end exclude_outside exclusive fmod group hidden_size \
    ignore_index input_forget interleaved inverse is_case_sensitive is_causal is_test k keepdims \
    kv_num_heads largest layout left_window_size linear_before_reset max_gram_length max_map \
    max_skip_count maxsplit min_gram_length multi_class n_supports n_targets new_axis \
    noop_with_empty_axes num_groups num_heads num_outputs num_scan_inputs offset_group one_class \
    onesided output_datatype output_dtype output_height output_sequence output_width p periodic \
    post_transform precision q_num_heads qk_matmul_output_mode replaced_value_int64 reverse \
    right_window_size rotary_embedding_dim sample_size sampling_ratio saturate seed \
    select_last_index size softmax_precision sorted spatial start stash_type storage_order \
    targets time_axis to training_mode transA transB upper value_int zeros
    """)

  static let floats = names(
    """
    alpha beta bias clip cubic_coeff_a decay_factor default_float epsilon extrapolation_value \
    gamma height_scale high lambd low max mean min momentum norm_coefficient \
    norm_coefficient_post p ratio replaced_value_float scale seed softcap spatial_scale \
    threshold value value_float width_scale
    """)

  static let intLists = names(
    """
    axes cats_int64s class_ids class_nodeids class_treeids classlabels_int64s classlabels_ints \
    consumed_inputs dilations directions ends imputed_value_int64s inputdimensions \
    int64_vocabulary kernel_shape keys_int64s leaf_targetids ngram_counts ngram_indexes \
    nodes_falseleafs nodes_falsenodeids nodes_featureids nodes_missing_value_tracks_true \
    nodes_nodeids nodes_treeids nodes_trueleafs nodes_truenodeids output_padding output_shape \
    paddings pads perm pool_int64s pooled_shape scan_input_axes scan_input_directions \
    scan_output_axes scan_output_directions shape split starts strides target_ids target_nodeids \
    target_treeids tree_roots value_ints values_int64s vectors_per_class
    """)

  static let floatLists = names(
    """
    activation_alpha activation_beta base_values class_weights coefficients imputed_value_floats \
    intercepts kernel_params keys_floats nodes_hitrates nodes_values offset prob_a prob_b rho \
    scale scales support_vectors target_weights value_floats values_floats weights
    """)

  static let stringLists = names(
    """
    activations cats_strings classes_strings classlabels_strings keys_strings nodes_modes \
    pool_strings stopwords string_vocabulary value_strings values_strings xs zs
    """)

  static let strings = names(
    """
    activation aggregate_function approximate auto_pad case_change_action cast_to \
    coordinate_transformation_mode default_string delimiter direction equation \
    keep_aspect_ratio_policy kernel_type locale map_form mode nearest_mode norm padding_mode \
    pattern pixel_format post_transform reduction round_mode to update_rule value_string y
    """)

  static let tensors = names(
    """
    base_values_as_tensor class_weights_as_tensor default_tensor keys_tensor leaf_weights \
    membership_values nodes_hitrates nodes_hitrates_as_tensor nodes_modes nodes_splits \
    nodes_values_as_tensor target_weights_as_tensor value values_tensor
    """)

  static let graphs = names(
    """
    body else_branch prob_mod score_mod then_branch
    """)

  private static func names(_ text: String) -> [String] {
    text.split(separator: " ").map(String.init)
  }
}

/// Values that attributes are given, by kind; `nil` for none.
struct AttributeProfile: Sendable {
  var int: Int64?
  var float: Float?
  var intList: [Int64]?
  var floatList: [Float]?
  var string: String?
  var stringList: [String]?
  var hasTensors = false
  var hasGraphs = false
  /// Whether every attribute is a list of types, which none is.
  var isWrong = false

  static let all: [AttributeProfile] = [
    .init(),
    .init(int: -1, float: -1, intList: [-1], floatList: [-1]),
    .init(int: 0, float: 0, intList: [0, 0], floatList: [0, 0], string: ""),
    .init(int: .max, float: .infinity, intList: [.max, .max], floatList: [.infinity, .nan]),
    .init(int: .min, float: .nan, intList: [.min], floatList: [.nan], stringList: [""]),
    .init(
      int: 1, float: 1, intList: [1, 1], floatList: [1, 1], stringList: ["a", "b"],
      hasTensors: true, hasGraphs: true),
    .init(intList: [], floatList: [], string: "x", stringList: []),
    .init(int: 2, float: 0.5, intList: [1, 1, 1, 1], floatList: [0.5, 0.5, 2, 2]),
    .init(isWrong: true),
  ]

  /// - Parameter graph: What graph attributes name.
  func attributes(graph: GraphID) throws -> [Attribute] {
    if isWrong {
      let names = AttributeNames.ints + AttributeNames.intLists + AttributeNames.strings
      return names.map { Attribute($0, .types([])) }
    }
    var attributes: [Attribute] = []
    var known: Set<String> = []
    func add(_ names: [String], _ value: AttributeValue?) {
      guard let value else { return }
      for name in names where known.insert(name).inserted {
        attributes.append(Attribute(name, value))
      }
    }
    add(AttributeNames.ints, int.map(AttributeValue.int))
    add(AttributeNames.floats, float.map(AttributeValue.float))
    add(AttributeNames.intLists, intList.map(AttributeValue.ints))
    add(AttributeNames.floatLists, floatList.map(AttributeValue.floats))
    add(AttributeNames.strings, string.map(AttributeValue.string))
    add(AttributeNames.stringLists, stringList.map(AttributeValue.strings))
    if hasTensors {
      add(AttributeNames.tensors, .tensor(Weight(try Tensor([1, 2] as [Float], shape: [2]))))
    }
    if hasGraphs { add(AttributeNames.graphs, .graph(graph)) }
    return attributes
  }
}
