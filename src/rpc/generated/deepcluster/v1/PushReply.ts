// Original file: proto/parameters.proto


// Original file: proto/parameters.proto

export const _deepcluster_v1_PushReply_Outcome = {
  STAGED: 'STAGED',
  DUPLICATE: 'DUPLICATE',
  FENCED: 'FENCED',
  STALE: 'STALE',
  UNREACHABLE: 'UNREACHABLE',
} as const;

export type _deepcluster_v1_PushReply_Outcome =
  | 'STAGED'
  | 0
  | 'DUPLICATE'
  | 1
  | 'FENCED'
  | 2
  | 'STALE'
  | 3
  | 'UNREACHABLE'
  | 4

export type _deepcluster_v1_PushReply_Outcome__Output = typeof _deepcluster_v1_PushReply_Outcome[keyof typeof _deepcluster_v1_PushReply_Outcome]

export interface PushReply {
  'outcome'?: (_deepcluster_v1_PushReply_Outcome);
  'version'?: (number);
}

export interface PushReply__Output {
  'outcome': (_deepcluster_v1_PushReply_Outcome__Output);
  'version': (number);
}
