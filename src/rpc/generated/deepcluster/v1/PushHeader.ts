// Original file: proto/parameters.proto


export interface PushHeader {
  'layoutHash'?: (string);
  'step'?: (number);
  'slice'?: (number);
  'generation'?: (number);
  'workerId'?: (string);
  'incarnation'?: (string);
  'basedOn'?: (number);
  'samples'?: (number);
  'gradientElements'?: (number);
  'statisticsElements'?: (number);
}

export interface PushHeader__Output {
  'layoutHash': (string);
  'step': (number);
  'slice': (number);
  'generation': (number);
  'workerId': (string);
  'incarnation': (string);
  'basedOn': (number);
  'samples': (number);
  'gradientElements': (number);
  'statisticsElements': (number);
}
