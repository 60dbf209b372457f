// Original file: proto/coordinator.proto


export interface ServerLeaving {
}

export interface ServerLeaving__Output {
}
