// Original file: proto/memory.proto


export interface RowsRequest {
  'planHash'?: (string);
  'step'?: (number);
  'ids'?: (number)[];
  'term'?: (number);
}

export interface RowsRequest__Output {
  'planHash': (string);
  'step': (number);
  'ids': (number)[];
  'term': (number);
}
