/**
 * Installs the dependencies where they are missing or not those of package-lock.json; does nothing where they are there.
 * Plain Node, since nothing is installed yet. All output goes to stderr: what runs next may print JSON.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Packages of a lock file that npm must have put in place: path to version. */
function versionsOf(lockFile) {
  const { packages } = JSON.parse(readFileSync(lockFile, 'utf8'));
  return new Map(
    Object.entries(packages)
      // An optional package (of another platform, say) may rightly be absent; the root is no package to install.
      .filter(([path, entry]) => path !== '' && !entry.optional)
      .map(([path, entry]) => [path, entry.version]),
  );
}

/** Why an installation is needed, or null. */
function reasonToInstall() {
  let installed;
  try {
    installed = versionsOf(join(root, 'node_modules', '.package-lock.json'));
  } catch {
    return 'dependencies are not installed yet';
  }
  for (const [path, version] of versionsOf(join(root, 'package-lock.json'))) {
    if (installed.get(path) !== version) return `${path} is not at version ${version}`;
  }
  return null;
}

const reason = reasonToInstall();
if (reason !== null) {
  process.stderr.write(`installing dependencies (${reason}) ...\n`);
  const { status, error } = spawnSync(
    'npm',
    ['ci', '--loglevel=error', '--no-audit', '--no-fund'],
    {
      cwd: root,
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32', // npm is a script there
    },
  );
  if (status !== 0) {
    const problem = error ? error.message : `exit code ${status}`;
    process.stderr.write(`npm ci failed (${problem}); run it by hand in ${root} to see why\n`);
    process.exit(1);
  }
}
