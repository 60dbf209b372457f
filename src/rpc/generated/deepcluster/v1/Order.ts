// Original file: proto/coordinator.proto


export interface Order {
  'leaseId'?: (string);
  'generation'?: (number);
  'epoch'?: (number);
  'parameterVersion'?: (number);
  'clustering'?: (number);
  'kind'?: (string);
  'body'?: (Buffer | Uint8Array | string);
}

export interface Order__Output {
  'leaseId': (string);
  'generation': (number);
  'epoch': (number);
  'parameterVersion': (number);
  'clustering': (number);
  'kind': (string);
  'body': (Buffer);
}
