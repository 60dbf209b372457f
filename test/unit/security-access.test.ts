/** The table of who may call what: every method of proto/ has its row, and no other way in. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { packageRoot } from '../../src/process/package-root.ts';
import { wire } from '../../src/rpc/definitions.ts';
import { ACCESS, authorizationOf, judgeCall } from '../../src/security/access.ts';
import { ROLES, identityOfNames, identityUri, type Role } from '../../src/security/identity.ts';
import { signToken } from '../../src/security/token.ts';

const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const NOW = 1_000;
const PUSH = '/deepcluster.v1.Parameters/Push';

function tokenOf(role: Role, job = 'pets', expiresMs = NOW + 1): string {
  return signToken({ job, role, expiresMs }, privateKey);
}

function judge(method: string, role: Role | null, authorization: string | null, job = 'pets') {
  const peer = role === null ? null : { job, role };
  return judgeCall({ method, peer, authorization }, 'pets', publicKey, NOW);
}

/** The methods, read from the files by a rule of their own. */
function methodsOfProto(): string[] {
  const folder = join(packageRoot(), 'proto');
  return readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8').replaceAll(/\/\/.*$/gm, '');
    const name = /^package ([\w.]+);/m.exec(text)?.[1] ?? '';
    return text
      .split(/^service /m)
      .slice(1)
      .flatMap((block) => {
        const service = /^\w+/.exec(block)![0];
        const body = block.slice(0, block.search(/^}/m));
        return [...body.matchAll(/\brpc (\w+)/g)].map(([, rpc]) => `/${name}.${service}/${rpc}`);
      });
  });
}

describe('the table', () => {
  test('has a row for each method of proto/, and for nothing else', () => {
    assert.deepEqual([...ACCESS.keys()].sort(), methodsOfProto().sort());
  });

  test('has a row for each method that the servers really know', () => {
    const known = Object.values(wire)
      .filter((entry) => 'service' in entry)
      .flatMap(({ service }) => Object.values(service).map(({ path }) => path));
    assert.deepEqual([...ACCESS.keys()].sort(), known.sort());
  });

  test('lets a viewer read the status and do nothing else', () => {
    const allowed = [...ACCESS].filter(([, roles]) => roles.includes('viewer'));
    assert.deepEqual(
      allowed.map(([method]) => method),
      ['/deepcluster.v1.Coordinator/Status'],
    );
  });

  test('lets no worker change the parameters but by its push', () => {
    for (const method of ['Commit', 'ResetHead', 'Restore', 'Snapshot']) {
      const refusal = judge(
        `/deepcluster.v1.Parameters/${method}`,
        'worker',
        authorizationOf(tokenOf('worker')),
      );
      assert.equal(refusal?.kind, 'denied', method);
    }
  });
});

describe('a call', () => {
  test('is let in exactly where its role has the method', () => {
    for (const [method, roles] of ACCESS) {
      for (const role of ROLES) {
        const refusal = judge(method, role, authorizationOf(tokenOf(role)));
        assert.equal(
          refusal?.kind,
          roles.includes(role) ? undefined : 'denied',
          `${method} ${role}`,
        );
      }
    }
  });

  test('to a method that is not in the table is refused to every role', () => {
    for (const method of ['/deepcluster.v1.Coordinator/Stop', '/grpc.health.v1.Health/Check', '']) {
      for (const role of ROLES) {
        assert.equal(judge(method, role, authorizationOf(tokenOf(role)))?.kind, 'denied');
      }
    }
  });

  test('needs a certificate of the job, though its token is good', () => {
    const authorization = authorizationOf(tokenOf('worker'));
    assert.match(
      judge(PUSH, null, authorization)!.reason,
      /certificate of job pets, got one without/,
    );
    assert.equal(judge(PUSH, 'worker', authorization, 'cars')?.kind, 'unauthenticated');
  });

  test('needs a token, whatever its certificate', () => {
    const token = tokenOf('worker');
    for (const authorization of [null, '', 'Bearer', 'Bearer ', token, `Basic ${token}`]) {
      const refusal = judge(PUSH, 'worker', authorization);
      assert.equal(refusal?.kind, 'unauthenticated', String(authorization));
    }
  });

  test('needs a token that has not expired, of the job and of the role in its certificate', () => {
    const expired = judge(PUSH, 'worker', authorizationOf(tokenOf('worker', 'pets', NOW)));
    assert.equal(expired?.kind, 'unauthenticated');
    assert.match(
      expired.reason,
      /expired at 1970-01-01T00:00:01.000Z; .*certs make --out DIR --renew/,
    );
    const ofCars = judge(PUSH, 'worker', authorizationOf(tokenOf('worker', 'cars')));
    assert.equal(ofCars?.kind, 'denied');
    const ofViewer = judge(PUSH, 'viewer', authorizationOf(tokenOf('worker')));
    assert.match(
      ofViewer!.reason,
      /token of role viewer, as in the certificate, got one of role worker/,
    );
  });

  test('is refused in one line without the token', () => {
    const tokens = [tokenOf('worker'), tokenOf('worker', 'pets', NOW), tokenOf('viewer')];
    for (const token of tokens) {
      for (const role of ['server', null] as const) {
        const { reason } = judge(PUSH, role, authorizationOf(token))!;
        for (const part of token.split('.')) assert.ok(!reason.includes(part), reason);
        assert.ok(!reason.includes('\n'));
      }
    }
  });
});

describe('the identity in a certificate', () => {
  test('is read back from what Node prints', () => {
    for (const role of ROLES) {
      const names = `DNS:localhost, URI:${identityUri({ job: 'pets', role })}, IP Address:127.0.0.1`;
      assert.deepEqual(identityOfNames(names), { job: 'pets', role });
    }
  });

  test('is none where there are two, or of another form', () => {
    const worker = 'URI:deepcluster://pets/worker';
    for (const names of [
      undefined,
      '',
      'DNS:localhost',
      `${worker}, URI:deepcluster://pets/coordinator`,
      `${worker}/`,
      'URI:deepcluster://pets/admin',
      'URI:deepcluster://PETS/worker',
      'DNS:deepcluster://pets/worker',
      `DNS:"x, ${worker}"`,
    ]) {
      assert.equal(identityOfNames(names), null, names);
    }
  });
});
