// Original file: proto/coordinator.proto


export interface Welcome {
  'runId'?: (string);
  'configJson'?: (string);
  'parameterServers'?: (string)[];
  'heartbeatMs'?: (number);
  'term'?: (number);
  'dataPath'?: (string);
  'dataDigest'?: (string);
  'imageCount'?: (number);
}

export interface Welcome__Output {
  'runId': (string);
  'configJson': (string);
  'parameterServers': (string)[];
  'heartbeatMs': (number);
  'term': (number);
  'dataPath': (string);
  'dataDigest': (string);
  'imageCount': (number);
}
