// Original file: proto/work.proto


export interface LocalRule {
  'learningRate'?: (number | string);
  'headLearningRate'?: (number | string);
  'weightDecay'?: (number | string);
  'decayNormsAndBiases'?: (boolean);
}

export interface LocalRule__Output {
  'learningRate': (number);
  'headLearningRate': (number);
  'weightDecay': (number);
  'decayNormsAndBiases': (boolean);
}
