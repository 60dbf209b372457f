// Original file: proto/memory.proto


export interface RowsRequest {
  'layoutHash'?: (string);
  'step'?: (number);
  'ids'?: (number)[];
}

export interface RowsRequest__Output {
  'layoutHash': (string);
  'step': (number);
  'ids': (number)[];
}
