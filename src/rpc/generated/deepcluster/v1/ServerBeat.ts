// Original file: proto/coordinator.proto


export interface ServerBeat {
}

export interface ServerBeat__Output {
}
