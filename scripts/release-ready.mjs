/**
 * Whether this commit may be released under a tag: `node scripts/release-ready.mjs v1.2.3`. One line
 * for each thing that is missing, and exit code 1.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './run-command.mjs';

/** @returns {string[]} what stands in the way; empty: nothing */
export function obstacles(tag, manifest, changelog) {
  const found = [];
  const { version, repository } = manifest;
  if (tag !== `v${version}`) found.push(`tag ${tag}: package.json has version ${version}`);
  if (repository === undefined) {
    found.push('package.json names no repository, which provenance is checked against');
  }
  const headings = changelog.split('\n').filter((line) => line.startsWith('## '));
  const heading = headings.find((line) => line.slice(3).split(' ')[0] === version);
  if (heading === undefined) found.push(`CHANGELOG.md has no heading for ${version}`);
  else if (/unreleased/i.test(heading)) found.push(`CHANGELOG.md calls ${version} unreleased`);
  return found;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const read = (name) => readFileSync(join(root, name), 'utf8');
  const found = obstacles(
    process.argv[2] ?? '',
    JSON.parse(read('package.json')),
    read('CHANGELOG.md'),
  );
  for (const line of found) process.stderr.write(`${line}\n`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
