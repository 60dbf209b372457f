// Original file: proto/parameters.proto

export const Codec = {
  FLOAT32: 'FLOAT32',
  BFLOAT16: 'BFLOAT16',
  FLOAT16: 'FLOAT16',
  INT8: 'INT8',
} as const;

export type Codec =
  | 'FLOAT32'
  | 0
  | 'BFLOAT16'
  | 1
  | 'FLOAT16'
  | 2
  | 'INT8'
  | 3

export type Codec__Output = typeof Codec[keyof typeof Codec]
