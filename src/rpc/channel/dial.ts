/**
 * How a peer is dialled: address, plain text or TLS, and through which proxy, which is none unless
 * somebody asks for one. A call that fails for want of a connection says so in our words
 * (dial-problem.ts).
 */
import { lookup } from 'node:dns/promises';
import * as grpc from '@grpc/grpc-js';
import { configInvalid } from '../../errors.ts';
import { connectionProblem, type Dial, type NameProblem } from './dial-problem.ts';
import { hostOf, isLoopback } from './address.ts';

/**
 * Of the environment; its one value has gRPC follow the proxy variables: for peers that only a
 * proxy reaches.
 */
export const PROXY_SWITCH = 'DEEPCLUSTER_GRPC_PROXY';

/** As gRPC reads them, the first one that is set. */
const PROXY_VARIABLES = ['grpc_proxy', 'https_proxy', 'http_proxy'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The proxy variable that a connection follows, or null. The machine's own variables are meant for
 * the internet: a run's processes are beside each other, and a proxy knows nothing of them. Nothing
 * on this machine is ever reached through one.
 * @throws TrainerError CONFIG_INVALID for a switch that says something else
 */
export function proxyVariableFor(address: string, env: Environment): string | null {
  const asked = env[PROXY_SWITCH] ?? '';
  if (asked !== '' && asked !== 'environment') {
    throw configInvalid(PROXY_SWITCH, 'must be "environment", or not set', asked, 'environment');
  }
  if (asked === '' || isLoopback(address)) return null;
  return PROXY_VARIABLES.find((name) => (env[name] ?? '') !== '') ?? null;
}

/** What a channel must be told. */
export function proxyOptions({ proxy }: Dial): grpc.ChannelOptions {
  return { 'grpc.enable_http_proxy': proxy === null ? 0 : 1 };
}

/** Puts our words in the place of gRPC's where a call ends for want of a connection. */
export function explainFailures(dial: Dial): grpc.Interceptor {
  return (options, nextCall) =>
    new grpc.InterceptingCall(nextCall(options), {
      start: (metadata, _listener, next) => {
        next(metadata, {
          onReceiveStatus: (status, pass) => {
            if (!isNameUnknown(status)) {
              pass(explained(status, dial, null));
              return;
            }
            void nameProblem(dial).then((name) => {
              pass(explained(status, dial, name));
            });
          },
        });
      },
    });
}

function explained(
  status: grpc.StatusObject,
  dial: Dial,
  name: NameProblem | null,
): grpc.StatusObject {
  if (status.code === grpc.status.OK) return status;
  const details = connectionProblem(status.details, dial, name);
  return details === null ? status : { ...status, details };
}

function isNameUnknown({ code, details }: grpc.StatusObject): boolean {
  return code === grpc.status.UNAVAILABLE && details.startsWith('Name resolution failed');
}

/** A name service that takes longer has the same problem as one that does not answer [ms]. */
const LOOKUP_MS = 1_000;

/** gRPC does not tell why it found no address: asked once more, the system does. */
async function nameProblem({ address }: Dial): Promise<NameProblem> {
  const late = new Promise<NameProblem>((resolve) => {
    setTimeout(resolve, LOOKUP_MS, 'EAI_AGAIN').unref();
  });
  const answer = lookup(hostOf(address)).then(
    (): NameProblem => 'found',
    (error: unknown): NameProblem => {
      const { code = 'unknown' } = error as NodeJS.ErrnoException;
      return code;
    },
  );
  return Promise.race([answer, late]);
}
