/** The names of the formats; the command's help knows them without loading what writes them. */
export const FORMAT_NAMES = ['safetensors', 'onnx', 'savedmodel', 'tfjs'] as const;

export type FormatName = (typeof FORMAT_NAMES)[number];
