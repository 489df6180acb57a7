/// The messages and fields of ONNX's protobuf schema (`onnx.proto`, IR version 14), to name places in a file.
enum ONNXSchema {
  /// A field's name, whether it is repeated, and the message that it holds.
  struct Field {
    let name: String
    let isRepeated: Bool
    let message: String?
  }

  /// The field path of the field whose tag is at `offset`: `graph.node[3].attribute[0].t.raw_data`.
  static func path(
    to offset: Int, in bytes: UnsafeRawBufferPointer, message root: String = "ModelProto"
  ) -> String {
    var path = ""
    var message = root
    var cursor = WireMessage(bytes)
    walk: while true {
      var counts: [Int: Int] = [:]
      while cursor.position < cursor.end {
        let start = cursor
        guard let found = try? cursor.next() else {
          return name(of: start, in: message).map { path.isEmpty ? $0 : path + "." + $0 } ?? path
        }
        let index = counts[found.number, default: 0]
        counts[found.number] = index + 1
        guard offset < cursor.position else { continue }
        let field = messages[message]?[found.number]
        path += path.isEmpty ? "" : "."
        path += field?.name ?? "field \(found.number)"
        if field?.isRepeated == true { path += "[\(index)]" }
        guard found.tag < offset, let child = field?.message, let inner = try? found.message()
        else {
          return path
        }
        message = child
        cursor = inner
        continue walk
      }
      return path
    }
  }

  /// The name of a field of which only the tag can be read.
  private static func name(of cursor: WireMessage, in message: String) -> String? {
    var cursor = cursor
    guard let key = try? cursor.varint(cursor.position) else { return nil }
    return Int(exactly: key >> 3).flatMap { messages[message]?[$0]?.name }
  }

  static let messages: [String: [Int: Field]] = {
    var messages: [String: [Int: Field]] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      var fields: [Int: Field] = [:]
      for word in words.dropFirst() {
        let parts = word.split(separator: ":")
        guard parts.count >= 2, let number = Int(parts[1]) else { continue }
        let isRepeated = parts[0].hasSuffix("*")
        fields[number] = Field(
          name: String(isRepeated ? parts[0].dropLast() : parts[0]), isRepeated: isRepeated,
          message: parts.count > 2 ? String(parts[2]) : nil)
      }
      messages[String(words[0])] = fields
    }
    return messages
  }()

  // Message, then its fields as `name:number:message`; `*` marks repeated ones.
  private static let text = """
    ModelProto ir_version:1 opset_import*:8:OperatorSetIdProto producer_name:2 producer_version:3 \
    domain:4 model_version:5 doc_string:6 graph:7:GraphProto \
    metadata_props*:14:StringStringEntryProto training_info*:20:TrainingInfoProto \
    functions*:25:FunctionProto configuration*:26:DeviceConfigurationProto
    GraphProto node*:1:NodeProto name:2 initializer*:5:TensorProto \
    sparse_initializer*:15:SparseTensorProto doc_string:10 input*:11:ValueInfoProto \
    output*:12:ValueInfoProto value_info*:13:ValueInfoProto \
    quantization_annotation*:14:TensorAnnotation metadata_props*:16:StringStringEntryProto
    NodeProto input*:1 output*:2 name:3 op_type:4 domain:7 overload:8 \
    attribute*:5:AttributeProto doc_string:6 metadata_props*:9:StringStringEntryProto \
    device_configurations*:10:NodeDeviceConfigurationProto
    AttributeProto name:1 ref_attr_name:21 doc_string:13 type:20 f:2 i:3 s:4 t:5:TensorProto \
    g:6:GraphProto sparse_tensor:22:SparseTensorProto tp:14:TypeProto floats*:7 ints*:8 \
    strings*:9 tensors*:10:TensorProto graphs*:11:GraphProto \
    sparse_tensors*:23:SparseTensorProto type_protos*:15:TypeProto
    ValueInfoProto name:1 type:2:TypeProto doc_string:3 \
    metadata_props*:4:StringStringEntryProto
    TensorProto dims*:1 data_type:2 segment:3:Segment float_data*:4 int32_data*:5 \
    string_data*:6 int64_data*:7 name:8 doc_string:12 raw_data:9 \
    external_data*:13:StringStringEntryProto data_location:14 double_data*:10 \
    uint64_data*:11 metadata_props*:16:StringStringEntryProto
    Segment begin:1 end:2
    SparseTensorProto values:1:TensorProto indices:2:TensorProto dims*:3
    TensorShapeProto dim*:1:Dimension
    Dimension dim_value:1 dim_param:2 denotation:3
    TypeProto tensor_type:1:Tensor sequence_type:4:Sequence map_type:5:Map \
    optional_type:9:Optional sparse_tensor_type:8:Tensor opaque_type:7:Opaque denotation:6
    Tensor elem_type:1 shape:2:TensorShapeProto
    Sequence elem_type:1:TypeProto
    Optional elem_type:1:TypeProto
    Map key_type:1 value_type:2:TypeProto
    Opaque domain:1 name:2
    OperatorSetIdProto domain:1 version:2
    StringStringEntryProto key:1 value:2
    TensorAnnotation tensor_name:1 quant_parameter_tensor_names*:2:StringStringEntryProto
    FunctionProto name:1 input*:4 output*:5 attribute*:6 attribute_proto*:11:AttributeProto \
    node*:7:NodeProto doc_string:8 opset_import*:9:OperatorSetIdProto domain:10 overload:13 \
    value_info*:12:ValueInfoProto metadata_props*:14:StringStringEntryProto
    SequenceProto name:1 elem_type:2 tensor_values*:3:TensorProto \
    sparse_tensor_values*:4:SparseTensorProto sequence_values*:5:SequenceProto \
    map_values*:6:MapProto optional_values*:7:OptionalProto
    MapProto name:1 key_type:2 keys*:3 string_keys*:4 values:5:SequenceProto
    OptionalProto name:1 elem_type:2 tensor_value:3:TensorProto \
    sparse_tensor_value:4:SparseTensorProto sequence_value:5:SequenceProto \
    map_value:6:MapProto optional_value:7:OptionalProto
    """
}
