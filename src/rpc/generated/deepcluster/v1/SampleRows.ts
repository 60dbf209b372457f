// Original file: proto/work.proto


export interface SampleRows {
  'shard'?: (number);
  'rows'?: (number)[];
}

export interface SampleRows__Output {
  'shard': (number);
  'rows': (number)[];
}
