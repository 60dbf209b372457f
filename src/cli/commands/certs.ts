/**
 * `deepcluster certs make`: a job's own certificate authority, a certificate and a token for each
 * role.
 */
import { InvalidArgumentError, type Command } from 'commander';
import { positiveInteger } from '../options.ts';
import { printJson, printLines, type Terminal } from '../terminal.ts';

interface MakeOptions {
  readonly out: string;
  readonly job?: string;
  readonly hosts?: readonly string[];
  readonly days: number;
  readonly tokenDays: number;
  readonly renew?: boolean;
  readonly json?: boolean;
}

export function addCertsCommand(program: Command, terminal: Terminal): void {
  const certs = program
    .command('certs')
    .description("a job's certificates and tokens, for --credentials")
    .helpCommand(false);
  certs
    .command('make')
    .description("make a job's own authority, and a certificate and a token for each role")
    .requiredOption('--out <dir>', 'folder to write; its ca.key and token.key stay there')
    .option('--job <name>', 'name of the job; lower-case letters, digits and hyphens')
    .option(
      '--hosts <names>',
      'names and addresses of coordinator and servers, with commas between; any if left out',
      hostNames,
    )
    .option('--days <n>', 'days for which certificates are good', positiveInteger, 90)
    .option('--token-days <n>', 'days for which tokens are good', positiveInteger, 30)
    .option('--renew', 'new certificates and tokens from the authority in --out')
    .option('--json', 'print one JSON object')
    .action((options: MakeOptions) => makeCerts(options, terminal));
}

async function makeCerts(options: MakeOptions, terminal: Terminal): Promise<void> {
  const { out, job = null, hosts = null, days, tokenDays, renew = false, json } = options;
  const { makeCredentials } = await import('../../security/credentials-folder.ts');
  const plan = { out, job, hosts, days, tokenDays, isRenewal: renew };
  const made = await makeCredentials(plan, Date.now());
  if (json === true) {
    printJson(terminal, { out, ...made });
    return;
  }
  printLines(terminal, [
    `job ${made.job}: certificates until ${made.certificatesUntil}, tokens until ${made.tokensUntil}`,
    `use them: deepcluster launch --credentials ${out} …`,
    `to another machine go ca.pem, token.pub and the three files of its role; ca.key and token.key stay in ${out}`,
  ]);
}

function hostNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.every((name) => /^[A-Za-z0-9*.:-]+$/.test(name))) return names;
  throw new InvalidArgumentError('Must be host names or addresses with commas between.');
}
