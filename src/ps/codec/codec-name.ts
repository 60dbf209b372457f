/** The codecs of the parameter exchange by name: how many bytes of a number travel. */

export const CODEC_NAMES = ['float32', 'bfloat16', 'float16', 'int8'] as const;

export type CodecName = (typeof CODEC_NAMES)[number];

/** Those that lose something. */
export type LossyCodecName = Exclude<CodecName, 'float32'>;

/** Elements of a block of `int8`, which have one scale. */
export const BLOCK = 256;
