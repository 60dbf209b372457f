// Original file: proto/coordinator.proto


export interface StatusRequest {
}

export interface StatusRequest__Output {
}
