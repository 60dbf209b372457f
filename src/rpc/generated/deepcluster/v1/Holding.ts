// Original file: proto/coordinator.proto


export interface Holding {
  'shard'?: (number);
  'epoch'?: (number);
  'parameterVersion'?: (number);
  'projected'?: (boolean);
  'rows'?: (number);
  'clustering'?: (number);
}

export interface Holding__Output {
  'shard': (number);
  'epoch': (number);
  'parameterVersion': (number);
  'projected': (boolean);
  'rows': (number);
  'clustering': (number);
}
