// Original file: proto/coordinator.proto


export interface Unreadable {
  'id'?: (number);
  'path'?: (string);
  'reason'?: (string);
}

export interface Unreadable__Output {
  'id': (number);
  'path': (string);
  'reason': (string);
}
