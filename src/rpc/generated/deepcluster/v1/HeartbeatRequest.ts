// Original file: proto/coordinator.proto


export interface HeartbeatRequest {
  'workerId'?: (string);
  'incarnation'?: (string);
  'progress'?: (number);
}

export interface HeartbeatRequest__Output {
  'workerId': (string);
  'incarnation': (string);
  'progress': (number);
}
