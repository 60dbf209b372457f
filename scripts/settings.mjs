/** Writes docs/settings.md from the schemas of the settings. `npm run settings` */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { register } from 'tsx/esm/api';
import { root } from './run-command.mjs';

register();
const { settingsPage } = await import('../src/config/reference-page.ts');
const path = join(root, 'docs', 'settings.md');
const options = await prettier.resolveConfig(path);
writeFileSync(path, await prettier.format(settingsPage(), { ...options, filepath: path }));
