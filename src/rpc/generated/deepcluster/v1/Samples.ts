// Original file: proto/work.proto


export interface Samples {
  'ids'?: (number)[];
  'occurrences'?: (number)[];
  'pseudoLabels'?: (number)[];
  'lossWeights'?: (number | string)[];
  'furtherLabels'?: (number)[];
}

export interface Samples__Output {
  'ids': (number)[];
  'occurrences': (number)[];
  'pseudoLabels': (number)[];
  'lossWeights': (number)[];
  'furtherLabels': (number)[];
}
