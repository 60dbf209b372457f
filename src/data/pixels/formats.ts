/**
 * Kinds of files that people keep among their images: those that the decoder reads, and those that
 * it does not and that are named where they are passed over. The first bytes tell the kind; the
 * extension tells whether they need to be looked at.
 */
import { extname } from 'node:path';

export interface Format {
  /** For people; one word for the kind, not for a variant of it. */
  readonly name: string;
  /**
   * Whether the decoder reads it. Nothing else reaches it: libvips also knows formats that load
   * files or run programs.
   */
  readonly isRead: boolean;
  /** In lower case. */
  readonly extensions: readonly string[];
  /** By the first `HEAD_BYTES` of a file; null: its bytes tell nothing, or another kind's story. */
  readonly isFormatOf: ((head: Buffer) => boolean) | null;
}

/** Bytes that suffice for every kind; a box of brands that is longer is cut there. */
export const HEAD_BYTES = 128;

/**
 * The six, as sharp's own build of libvips has them; of HEIF it decodes what AV1 encoded, not HEVC.
 */
const READ: readonly Format[] = [
  read('JPEG', '.jpg .jpeg .jpe .jfif .jif .jfi .pjpeg .pjp', startsWith('ffd8ff')),
  read('PNG', '.png .apng', (head) => head.toString('latin1', 1, 4) === 'PNG'),
  read('WebP', '.webp', (head) => head.toString('latin1', 8, 12) === 'WEBP'),
  read('GIF', '.gif', startsWith('47494638')),
  read('TIFF', '.tif .tiff', (head) => isTiff(head) && !isCanonRaw(head)),
  read('AVIF', '.avif .avifs', hasBrand('avif', 'avis')),
];

const PASSED_OVER: readonly Format[] = [
  passedOver('HEIC', '.heic .heif .hif .heics .heifs', hasBrand('hei', 'hev', 'mif1', 'msf1')),
  passedOver('BMP', '.bmp .dib', isBmp),
  passedOver(
    'JPEG 2000',
    '.jp2 .j2k .j2c .jpc .jpf .jpx .jpm',
    startsWith('0000000c6a502020', 'ff4fff51'),
  ),
  passedOver('JPEG XL', '.jxl', startsWith('0000000c4a584c20', 'ff0a')),
  passedOver('JPEG XR', '.jxr .wdp .hdp', startsWith('4949bc01')),
  passedOver('PSD', '.psd .psb', startsWith('38425053')),
  passedOver('XCF', '.xcf', startsWith('67696d7020786366')),
  passedOver('OpenEXR', '.exr', startsWith('762f3101')),
  passedOver('Netpbm', '.ppm .pgm .pbm .pnm .pam', null),
  passedOver('TGA', '.tga', null),
  passedOver('ICO', '.ico .cur', null),
  passedOver('Radiance HDR', '.hdr', null),
  passedOver('DICOM', '.dcm .dicom', null),
];

/** Told by their names alone: a camera's raw photograph is a TIFF by its bytes, of a thumbnail. */
const NAMED: readonly Format[] = [
  passedOver('SVG', '.svg .svgz', null),
  passedOver(
    'camera raw',
    '.cr2 .cr3 .crw .nef .nrw .arw .sr2 .srf .dng .orf .rw2 .raf .pef .srw .x3f .raw .3fr .iiq .erf .mef .mrw .kdc .dcr .rwl',
    isCanonRaw,
  ),
  passedOver(
    'video',
    '.mp4 .mov .m4v .avi .mkv .webm .3gp .mts .m2ts .mpg .mpeg .wmv .flv',
    hasBrand('isom', 'iso2', 'mp41', 'mp42', 'qt  ', 'M4V'),
  ),
];

const ALL: readonly Format[] = [...READ, ...PASSED_OVER, ...NAMED];

export const READ_NAMES: readonly string[] = READ.map(({ name }) => name);

const BY_EXTENSION: ReadonlyMap<string, Format> = new Map(
  ALL.flatMap((format) => format.extensions.map((extension) => [extension, format] as const)),
);

/**
 * Extensions of files beside images that are none; there may be one for each image. Backups of an
 * image are none either.
 */
const OTHERS: ReadonlySet<string> = new Set(
  (
    '.txt .text .caption .json .jsonl .ndjson .csv .tsv .lst .xml .yaml .yml .toml .ini .cfg .md .rst .html .htm .css .js .pdf ' +
    '.doc .docx .xls .xlsx .ppt .pptx .log .lock .py .pyc .ipynb .m .sh .bat .exe .dll .so .db .sqlite .mdb .lmdb ' +
    '.zip .tar .gz .tgz .bz2 .xz .zst .7z .rar .npy .npz .mat .h5 .hdf5 .pkl .pickle .pt .pth .ckpt .onnx .safetensors ' +
    '.parquet .arrow .feather .tfrecord .tfrecords .rec .idx .bin .mp3 .wav .flac .m4a .ogg .aac .srt .vtt ' +
    '.xmp .aae .thm .lrv .bak .orig .old .tmp .part .crdownload .jpg_original .jpeg_original'
  ).split(' '),
);

export type NameSays =
  | { readonly kind: 'image' }
  /** Its bytes decide; where they say nothing, it is `named`, or no image. */
  | { readonly kind: 'unsure'; readonly named: Format | null }
  | { readonly kind: 'passedOver'; readonly format: Format }
  | { readonly kind: 'other' };

/**
 * Whether a file takes part, as far as its name tells: a name that tells saves opening the file.
 */
export function judgeName(path: string): NameSays {
  const extension = extname(path).toLowerCase();
  if (OTHERS.has(extension) || path.endsWith('~')) return { kind: 'other' };
  const named = BY_EXTENSION.get(extension) ?? null;
  if (named?.isRead === true) return { kind: 'image' };
  if (named !== null && NAMED.includes(named)) return { kind: 'passedOver', format: named };
  return { kind: 'unsure', named };
}

/** The kind of a file by its first bytes; null for any that is not known. */
export function formatOf(head: Buffer): Format | null {
  return ALL.find(({ isFormatOf }) => isFormatOf?.(head) === true) ?? null;
}

/**
 * Whether a path ends as an image's name does, of a kind that is read or not; a film is no image.
 */
export function hasImageName(path: string): boolean {
  const format = BY_EXTENSION.get(extname(path).toLowerCase());
  return format !== undefined && format.name !== 'video';
}

function read(name: string, extensions: string, isFormatOf: Format['isFormatOf']): Format {
  return { name, isRead: true, extensions: extensions.split(' '), isFormatOf };
}

function passedOver(name: string, extensions: string, isFormatOf: Format['isFormatOf']): Format {
  return { ...read(name, extensions, isFormatOf), isRead: false };
}

function startsWith(...beginnings: readonly string[]): (head: Buffer) => boolean {
  return (head) => beginnings.some((hex) => head.toString('hex', 0, hex.length / 2) === hex);
}

/** ISO base media: `size ftyp major version compatible...`, with four letters a brand. */
function hasBrand(...brands: readonly string[]): (head: Buffer) => boolean {
  return (head) => {
    if (head.length < 12 || head.toString('latin1', 4, 8) !== 'ftyp') return false;
    const end = Math.min(head.length, HEAD_BYTES, head.readUInt32BE(0));
    const found = [head.toString('latin1', 8, 12)];
    for (let at = 16; at + 4 <= end; at += 4) found.push(head.toString('latin1', at, at + 4));
    return found.some((brand) => brands.some((wanted) => brand.startsWith(wanted)));
  };
}

/** TIFF and BigTIFF, of either byte order. */
function isTiff(head: Buffer): boolean {
  return ['49492a00', '4d4d002a', '49492b00', '4d4d002b'].includes(head.toString('hex', 0, 4));
}

function isCanonRaw(head: Buffer): boolean {
  return (isTiff(head) && head.toString('latin1', 8, 10) === 'CR') || hasBrand('crx ')(head);
}

/**
 * Two letters are little to go by: the size of the header that follows must be one that there is,
 * too.
 */
function isBmp(head: Buffer): boolean {
  if (head.length < 18 || head.toString('latin1', 0, 2) !== 'BM') return false;
  return [12, 40, 52, 56, 64, 108, 124].includes(head.readUInt32LE(14));
}
