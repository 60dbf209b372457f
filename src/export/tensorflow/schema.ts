/**
 * The messages of a TensorFlow graph and SavedModel that an export writes and reads back: field
 * numbers and meanings as in TensorFlow's graph.proto, node_def.proto, attr_value.proto,
 * tensor.proto, meta_graph.proto and saved_model.proto.
 */
import protobuf from 'protobufjs';

const PROTO = `
syntax = "proto3";
package tensorflow;
enum DataType { DT_INVALID = 0; DT_FLOAT = 1; DT_INT32 = 3; DT_INT64 = 9; }
message GraphDef { repeated NodeDef node = 1; VersionDef versions = 4; }
message VersionDef { int32 producer = 1; }
message NodeDef {
  string name = 1;
  string op = 2;
  repeated string input = 3;
  map<string, AttrValue> attr = 5;
}
message AttrValue {
  oneof value {
    ListValue list = 1;
    bytes s = 2;
    int64 i = 3;
    float f = 4;
    bool b = 5;
    DataType type = 6;
    TensorShapeProto shape = 7;
    TensorProto tensor = 8;
  }
}
message ListValue { repeated int64 i = 3; }
message TensorShapeProto { repeated Dim dim = 2; }
message Dim { int64 size = 1; }
message TensorProto {
  DataType dtype = 1;
  TensorShapeProto tensor_shape = 2;
  bytes tensor_content = 4;
}
message SavedModel {
  int64 saved_model_schema_version = 1;
  repeated MetaGraphDef meta_graphs = 2;
}
message MetaGraphDef {
  MetaInfoDef meta_info_def = 1;
  GraphDef graph_def = 2;
  map<string, SignatureDef> signature_def = 5;
}
message MetaInfoDef { repeated string tags = 4; string tensorflow_version = 5; }
message SignatureDef {
  map<string, TensorInfo> inputs = 1;
  map<string, TensorInfo> outputs = 2;
  string method_name = 3;
}
message TensorInfo { string name = 1; DataType dtype = 2; TensorShapeProto tensor_shape = 3; }
`;

const { root } = protobuf.parse(PROTO);
const graphType = root.lookupType('tensorflow.GraphDef');
const savedModelType = root.lookupType('tensorflow.SavedModel');

export type DataType = 'DT_FLOAT' | 'DT_INT32' | 'DT_INT64';

export interface TensorShape {
  /** -1: any. */
  readonly dim: readonly { readonly size: number }[];
}

export interface TensorProto {
  readonly dtype: DataType;
  readonly tensorShape: TensorShape;
  /** Little-endian. */
  readonly tensorContent: Uint8Array;
}

export type Attribute =
  | { readonly list: { readonly i: readonly number[] } }
  | { readonly s: Uint8Array }
  | { readonly i: number }
  | { readonly f: number }
  | { readonly b: boolean }
  | { readonly type: DataType }
  | { readonly shape: TensorShape }
  | { readonly tensor: TensorProto };

export interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly input: readonly string[];
  readonly attr: Readonly<Record<string, Attribute>>;
}

export interface Graph {
  readonly node: readonly GraphNode[];
  readonly versions: { readonly producer: number };
}

export interface TensorInfo {
  /** With the number of the node's output: `features:0`. */
  readonly name: string;
  readonly dtype: DataType;
  readonly tensorShape: TensorShape;
}

export interface Signature {
  readonly inputs: Readonly<Record<string, TensorInfo>>;
  readonly outputs: Readonly<Record<string, TensorInfo>>;
  readonly methodName: string;
}

export interface SavedModel {
  readonly savedModelSchemaVersion: number;
  readonly metaGraphs: readonly {
    readonly metaInfoDef: { readonly tags: readonly string[]; readonly tensorflowVersion: string };
    readonly graphDef: Graph;
    readonly signatureDef: Readonly<Record<string, Signature>>;
  }[];
}

export function encodeSavedModel(model: SavedModel): Uint8Array {
  return savedModelType.encode(savedModelType.fromObject(model)).finish();
}

/** @throws Error for bytes that are no SavedModel */
export function decodeSavedModel(bytes: Uint8Array): SavedModel {
  const options = { longs: Number, enums: String, arrays: true, objects: true, defaults: false };
  return savedModelType.toObject(savedModelType.decode(bytes), options) as SavedModel;
}

/** The graph as proto3 writes it in JSON: what `model.json` of TensorFlow.js holds. */
export function graphJson(graph: Graph): object {
  const options = { longs: String, enums: String, bytes: String, arrays: true };
  return graphType.toObject(graphType.fromObject(graph), options);
}
