/**
 * Credentials on the wire: both sides of a connection show a certificate of the job, every call
 * carries a token, and one interceptor on every server lets in what src/security/access.ts allows.
 * Without credentials connections are plain, and src/rpc/channel/channel.ts keeps them on loopback.
 */
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import * as grpc from '@grpc/grpc-js';
import { authorizationOf, judgeCall, type Refusal } from '../../security/access.ts';
import type { Credentials } from '../../security/credentials.ts';
import { identityOfNames, type Role } from '../../security/identity.ts';

/**
 * What a client dials: the coordinator, or what keeps parameters, which may be the coordinator's
 * process too.
 */
export type Dialled = 'coordinator' | 'parameters';

const ROLES_OF: Readonly<Record<Dialled, readonly Role[]>> = {
  coordinator: ['coordinator'],
  parameters: ['server', 'coordinator'],
};

const STATUS_OF = {
  unauthenticated: grpc.status.UNAUTHENTICATED,
  denied: grpc.status.PERMISSION_DENIED,
} as const;

/** Of a server: a client without a certificate of the job gets no further than the handshake. */
export function serverCredentials(credentials: Credentials | null): grpc.ServerCredentials {
  if (credentials === null) return grpc.ServerCredentials.createInsecure();
  const provider = new FolderProvider(credentials);
  return grpc.experimental.createCertificateProviderServerCredentials(provider, provider, true);
}

/**
 * Of a channel: the peer must be what is dialled, and gets this process's token with every call.
 * @param host whose name the peer's certificate must have, if it has any
 */
export function channelCredentials(
  credentials: Credentials | null,
  dialled: Dialled,
  host: string,
): grpc.ChannelCredentials {
  if (credentials === null) return grpc.credentials.createInsecure();
  const provider = new FolderProvider(credentials);
  const channel = grpc.experimental.createCertificateProviderChannelCredentials(
    provider,
    provider,
    {
      checkServerIdentity: (_name, certificate) =>
        problemOfServer(host, certificate, credentials.identity.job, ROLES_OF[dialled]),
    },
  );
  const token = grpc.credentials.createFromMetadataGenerator((_call, done) => {
    const metadata = new grpc.Metadata();
    metadata.set('authorization', authorizationOf(credentials.current.token));
    done(null, metadata);
  });
  return channel.compose(token);
}

/** Lets calls in or refuses them, before anything of their messages is read. */
export function accessInterceptor(
  credentials: Credentials,
  onRefused: (refusal: Refusal) => void,
): grpc.ServerInterceptor {
  const { job } = credentials.identity;
  return (method, call) =>
    new grpc.ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            const sent = metadata.get('authorization');
            // Handlers see no token, and so cannot log one.
            metadata.remove('authorization');
            const names = call.getAuthContext().sslPeerCertificate?.subjectaltname;
            const refusal = judgeCall(
              {
                method: method.path,
                peer: identityOfNames(names),
                authorization: sent.length === 1 ? String(sent[0]) : null,
              },
              job,
              credentials.current.tokenKey,
              Date.now(),
            );
            if (refusal === null) {
              pass(metadata);
              return;
            }
            onRefused(refusal);
            call.sendStatus({ code: STATUS_OF[refusal.kind], details: refusal.reason });
          },
        });
      },
    });
}

/**
 * Its chain has been checked against the job's CA. Host names count where the certificate has any.
 */
function problemOfServer(
  host: string,
  certificate: PeerCertificate,
  job: string,
  roles: readonly Role[],
): Error | undefined {
  const identity = identityOfNames(certificate.subjectaltname);
  if (identity?.job !== job || !roles.includes(identity.role)) {
    const got = identity === null ? 'no role' : `${identity.job}/${identity.role}`;
    const expected = `${roles.join(' or ')} of job ${job}`;
    return new Error(`${host}: expected a certificate of the ${expected}, got ${got}`);
  }
  const hasHosts = /(^|, )(DNS|IP Address):/.test(certificate.subjectaltname ?? '');
  if (!hasHosts) return undefined;
  // A process reaches its own server, which listens everywhere, by that address.
  const isOwn = host === '0.0.0.0' || host === '::';
  return checkServerIdentity(isOwn ? 'localhost' : host, certificate);
}

/**
 * Hands a folder's certificates to gRPC, and each new set when it comes; new connections use the
 * newest.
 */
class FolderProvider implements grpc.experimental.CertificateProvider {
  readonly #credentials: Credentials;
  /** By the listener that gRPC gave: what ends its subscription. */
  readonly #ends = new Map<unknown, () => void>();

  constructor(credentials: Credentials) {
    this.#credentials = credentials;
  }

  addCaCertificateListener(listener: grpc.experimental.CaCertificateUpdateListener): void {
    this.#add(listener, () => {
      listener({ caCertificate: this.#credentials.current.caPem });
    });
  }

  removeCaCertificateListener(listener: grpc.experimental.CaCertificateUpdateListener): void {
    this.#remove(listener);
  }

  addIdentityCertificateListener(
    listener: grpc.experimental.IdentityCertificateUpdateListener,
  ): void {
    this.#add(listener, () => {
      const { certificatePem: certificate, keyPem: privateKey } = this.#credentials.current;
      listener({ certificate, privateKey });
    });
  }

  removeIdentityCertificateListener(
    listener: grpc.experimental.IdentityCertificateUpdateListener,
  ): void {
    this.#remove(listener);
  }

  #add(listener: unknown, tell: () => void): void {
    this.#ends.set(listener, this.#credentials.onChange(tell));
    // gRPC is still setting up what it asked this for.
    process.nextTick(tell);
  }

  #remove(listener: unknown): void {
    this.#ends.get(listener)?.();
    this.#ends.delete(listener);
  }
}
