/** Prints, for the end of a test run, a line for each engine: that the tests for it ran, on what, or why they did not. */
import { testEngines } from './engines.ts';

for (const { name, skip, engine } of await testEngines()) {
  process.stdout.write(
    engine === null
      ? `engine ${name}: not tested here, because ${String(skip).replace(`engine ${name}: `, '')}\n`
      : `engine ${name}: tested, version ${engine.version} on ${engine.device}\n`,
  );
}
