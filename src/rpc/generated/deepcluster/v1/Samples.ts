// Original file: proto/coordinator.proto


export interface Samples {
  'ids'?: (number)[];
  'occurrences'?: (number)[];
  'pseudoLabels'?: (number)[];
}

export interface Samples__Output {
  'ids': (number)[];
  'occurrences': (number)[];
  'pseudoLabels': (number)[];
}
