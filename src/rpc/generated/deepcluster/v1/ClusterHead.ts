// Original file: proto/work.proto


export interface ClusterHead {
  'head'?: (number);
  'parts'?: (number);
  'part'?: (number);
  'leftOut'?: (number)[];
}

export interface ClusterHead__Output {
  'head': (number);
  'parts': (number);
  'part': (number);
  'leftOut': (number)[];
}
