// Original file: proto/coordinator.proto


export interface HeartbeatReply {
  'known'?: (boolean);
}

export interface HeartbeatReply__Output {
  'known': (boolean);
}
