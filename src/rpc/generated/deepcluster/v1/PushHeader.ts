// Original file: proto/parameters.proto


export interface PushHeader {
  'planHash'?: (string);
  'step'?: (number);
  'slice'?: (number);
  'generation'?: (number);
  'workerId'?: (string);
  'incarnation'?: (string);
  'basedOn'?: (number);
  'samples'?: (number);
  'gradientElements'?: (number);
  'statisticsElements'?: (number);
  'term'?: (number);
  'slices'?: (number);
  'stepSlices'?: (number);
}

export interface PushHeader__Output {
  'planHash': (string);
  'step': (number);
  'slice': (number);
  'generation': (number);
  'workerId': (string);
  'incarnation': (string);
  'basedOn': (number);
  'samples': (number);
  'gradientElements': (number);
  'statisticsElements': (number);
  'term': (number);
  'slices': (number);
  'stepSlices': (number);
}
