// Original file: proto/memory.proto


// Original file: proto/memory.proto

export const _deepcluster_v1_MemoryReply_Outcome = {
  APPLIED: 'APPLIED',
  DUPLICATE: 'DUPLICATE',
  FENCED: 'FENCED',
} as const;

export type _deepcluster_v1_MemoryReply_Outcome =
  | 'APPLIED'
  | 0
  | 'DUPLICATE'
  | 1
  | 'FENCED'
  | 2

export type _deepcluster_v1_MemoryReply_Outcome__Output = typeof _deepcluster_v1_MemoryReply_Outcome[keyof typeof _deepcluster_v1_MemoryReply_Outcome]

export interface MemoryReply {
  'outcome'?: (_deepcluster_v1_MemoryReply_Outcome);
}

export interface MemoryReply__Output {
  'outcome': (_deepcluster_v1_MemoryReply_Outcome__Output);
}
