/**
 * From the paths that a list writes to relative POSIX paths inside its folder: never out of it,
 * since a list may come from somebody else. `file:` URLs and backslashes of Windows are understood;
 * what lies elsewhere is refused with its remedy.
 */
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { malformed, quoted, type ListContext, type ListEntry } from './entry.ts';
import { standsForBytes, textFromBytes } from '../path-bytes.ts';

/** Entries with a backslash that are looked up on the disk. */
const LOOKED_UP = 16;

/**
 * @param root absolute folder of the list
 * @throws TrainerError DATA_UNREADABLE naming list and line
 */
export function pathsInside(
  root: string,
  entries: readonly ListEntry[],
  { spec, exists }: ListContext,
): string[] {
  const local = entries.map((entry) => localPath(spec, entry, entries));
  const backslashed = local.filter((path) => path.includes('\\')).slice(0, LOOKED_UP);
  // A backslash is part of a name on POSIX, and parts folders on Windows: names that are there are
  // names.
  const areNames = backslashed.length === 0 || backslashed.some(exists);
  return entries.map((entry, i) => {
    const path = areNames ? local[i]! : local[i]!.replaceAll('\\', '/');
    return insideRoot(spec, root, entry, path);
  });
}

/** The path of an entry on this machine, relative or absolute. */
function localPath(spec: string, { line, path }: ListEntry, all: readonly ListEntry[]): string {
  if (path.includes('\0')) {
    const remedy = 'save the list as UTF-8, and the path without it';
    throw malformed(spec, line, 'names a file with a NUL character', remedy);
  }
  if (!standsForBytes(path)) {
    const problem = 'names a file with half a character (a lone surrogate)';
    throw malformed(spec, line, problem, 'write the whole character');
  }
  const scheme = /^([a-z][a-z0-9+.-]+):\/\/?/iu.exec(path)?.[1]?.toLowerCase();
  if (scheme === 'file') return fromFileUrl(spec, line, path);
  if (scheme !== undefined && path.includes('://')) throw remote(spec, line, path, scheme, all);
  if (/^[a-z]:[\\/]|^\\\\/iu.test(path)) {
    const problem = `names ${quoted(path)}, a place on a Windows machine`;
    throw malformed(spec, line, problem, "write paths relative to the list's folder");
  }
  return path;
}

function remote(
  spec: string,
  line: number,
  path: string,
  scheme: string,
  all: readonly ListEntry[],
): Error {
  const isPlain = /\.(txt|lst)$/iu.test(spec) && all.every(({ label }) => label === null);
  const isOfWget = ['http', 'https', 'ftp'].includes(scheme);
  const how = isPlain && isOfWget ? `, e.g. by wget -x -P images -i ${spec},` : '';
  return malformed(
    spec,
    line,
    `names a URL, ${quoted(path)}, but images must be files on this machine`,
    `fetch them into a folder${how} and give that folder, or a list of the files in it`,
  );
}

/** `file:///a%20b.jpg`; its bytes need not be UTF-8 either. */
function fromFileUrl(spec: string, line: number, url: string): string {
  const found = /^file:(?:\/\/(?:localhost)?)?(\/.*)$/iu.exec(url);
  const encoded = found?.[1];
  if (encoded === undefined || encoded.startsWith('//') || /%(?![0-9a-f]{2})/iu.test(encoded)) {
    const problem = `names ${quoted(url)}, which is no URL of a file on this machine`;
    throw malformed(spec, line, problem, 'write file:///folder/a.jpg, with %25 for a %');
  }
  const bytes = encoded.replaceAll(/(?:%[0-9a-f]{2})+/giu, (escapes) =>
    textFromBytes(Buffer.from(escapes.replaceAll('%', ''), 'hex')),
  );
  if (bytes.includes('\0')) return localPath(spec, { line, path: bytes, label: null }, []);
  return bytes;
}

/** By its text alone: links inside the root may lead where they like. */
function insideRoot(spec: string, root: string, { line }: ListEntry, path: string): string {
  const inside = relative(root, resolve(root, path));
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) {
    throw malformed(
      spec,
      line,
      `names ${quoted(path)}, which is not inside the list's folder`,
      'move the list to a folder that holds all its images',
    );
  }
  return inside.split(sep).join('/');
}
