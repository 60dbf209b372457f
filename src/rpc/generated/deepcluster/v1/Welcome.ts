// Original file: proto/coordinator.proto


export interface Welcome {
  'runId'?: (string);
  'configJson'?: (string);
  'parameterServer'?: (string);
  'heartbeatMs'?: (number);
}

export interface Welcome__Output {
  'runId': (string);
  'configJson': (string);
  'parameterServer': (string);
  'heartbeatMs': (number);
}
