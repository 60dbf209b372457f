// Original file: proto/coordinator.proto


// Original file: proto/coordinator.proto

export const _deepcluster_v1_ResultReply_Outcome = {
  ACCEPTED: 'ACCEPTED',
  DUPLICATE: 'DUPLICATE',
  FENCED: 'FENCED',
} as const;

export type _deepcluster_v1_ResultReply_Outcome =
  | 'ACCEPTED'
  | 0
  | 'DUPLICATE'
  | 1
  | 'FENCED'
  | 2

export type _deepcluster_v1_ResultReply_Outcome__Output = typeof _deepcluster_v1_ResultReply_Outcome[keyof typeof _deepcluster_v1_ResultReply_Outcome]

export interface ResultReply {
  'outcome'?: (_deepcluster_v1_ResultReply_Outcome);
}

export interface ResultReply__Output {
  'outcome': (_deepcluster_v1_ResultReply_Outcome__Output);
}
