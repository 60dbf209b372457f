// Original file: proto/parameters.proto


// Original file: proto/parameters.proto

export const _deepcluster_v1_CommitReply_Outcome = {
  APPLIED: 'APPLIED',
  DUPLICATE: 'DUPLICATE',
  MISSING: 'MISSING',
} as const;

export type _deepcluster_v1_CommitReply_Outcome =
  | 'APPLIED'
  | 0
  | 'DUPLICATE'
  | 1
  | 'MISSING'
  | 2

export type _deepcluster_v1_CommitReply_Outcome__Output = typeof _deepcluster_v1_CommitReply_Outcome[keyof typeof _deepcluster_v1_CommitReply_Outcome]

export interface CommitReply {
  'outcome'?: (_deepcluster_v1_CommitReply_Outcome);
  'version'?: (number);
  'missing'?: (number)[];
}

export interface CommitReply__Output {
  'outcome': (_deepcluster_v1_CommitReply_Outcome__Output);
  'version': (number);
  'missing': (number)[];
}
