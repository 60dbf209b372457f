// Original file: proto/coordinator.proto


export interface WorkerStatus {
  'workerId'?: (string);
  'ordersInFlight'?: (number);
  'shardsHeld'?: (number);
  'residentRows'?: (number);
  'standsBy'?: (boolean);
}

export interface WorkerStatus__Output {
  'workerId': (string);
  'ordersInFlight': (number);
  'shardsHeld': (number);
  'residentRows': (number);
  'standsBy': (boolean);
}
