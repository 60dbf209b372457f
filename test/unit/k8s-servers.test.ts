/** The manifests in k8s/servers: whether they fit the command line, each other and k8s/base. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { SPARE_COLLECTIONS_OF_SMALL_HEAP } from '../../src/process/allocator.ts';
import { packageRoot } from '../../src/process/package-root.ts';

const K8S = join(packageRoot(), 'k8s');

interface Job {
  readonly spec: {
    readonly completions: number;
    readonly parallelism: number;
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly {
          readonly command: readonly string[];
          readonly args: readonly string[];
          readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
          readonly livenessProbe: { readonly grpc: { readonly port: number } };
          readonly readinessProbe: { readonly grpc: { readonly port: number } };
        }[];
      };
    };
  };
}

interface Patch {
  readonly target: { readonly kind: string; readonly name: string };
  readonly patch: string;
}

interface JsonPatch {
  readonly op: string;
  readonly path: string;
  readonly value: string;
}

function read(...path: string[]): unknown {
  return parse(readFileSync(join(K8S, ...path), 'utf8'));
}

interface Component {
  readonly kind: string;
  readonly patches: readonly Patch[];
}

interface Policy {
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly ingress: readonly { readonly ports: readonly { readonly port: number }[] }[];
  };
}

const job = read('servers', 'servers.yaml') as Job;
const [container] = job.spec.template.spec.containers;
const component = read('servers', 'kustomization.yaml') as Component;

function flagOf(name: string): string {
  const flag = container!.args.find((arg) => arg.startsWith(`--${name}=`));
  assert.ok(flag !== undefined, `no --${name}`);
  return flag.slice(name.length + 3);
}

test('the servers’ flags are those of the command', () => {
  const program = join(packageRoot(), 'bin', 'deepcluster.mjs');
  const { stdout } = spawnSync(process.execPath, [program, 'server', '--help'], {
    encoding: 'utf8',
  });
  assert.equal(container!.args[0], 'server');
  for (const arg of container!.args.slice(1)) {
    const name = arg.slice(0, arg.indexOf('='));
    assert.ok(stdout.includes(`  ${name} `), `${name} is no flag of deepcluster server`);
  }
});

test('servers, and the coordinator beside them, have the room that launch gives to small heaps', () => {
  const command = ['node', ...SPARE_COLLECTIONS_OF_SMALL_HEAP, 'bin/deepcluster.mjs'];
  assert.deepEqual(container!.command, command);
  const coordinator = read('base', 'coordinator.yaml') as Job;
  const patched = [...coordinator.spec.template.spec.containers[0]!.command];
  const operations = parse(component.patches[0]!.patch) as readonly JsonPatch[];
  for (const { op, path, value } of operations) {
    const [, index] = /^\/spec\/template\/spec\/containers\/0\/command\/(\d+)$/.exec(path) ?? [];
    if (op === 'replace' && index !== undefined) patched[Number(index)] = value;
  }
  assert.deepEqual(patched, command);
});

test('ports, probes and policies agree', () => {
  const ports = new Map(container!.ports.map((port) => [port.name, port.containerPort]));
  assert.equal(flagOf('listen'), `0.0.0.0:${ports.get('parameters')}`);
  assert.equal(flagOf('health'), `0.0.0.0:${ports.get('health')}`);
  for (const probe of [container!.livenessProbe, container!.readinessProbe]) {
    assert.equal(probe.grpc.port, ports.get('health'));
  }
  const policy = read('servers', 'network-policy.yaml') as Policy;
  assert.deepEqual(
    policy.spec.ingress.map((rule) => rule.ports.map(({ port }) => port)),
    [[ports.get('parameters')]],
  );
  const { labels } = job.spec.template.metadata;
  const key = 'app.kubernetes.io/component';
  assert.equal(policy.spec.podSelector.matchLabels[key], labels[key]);
});

test('the coordinator expects as many servers as there are pods, and lets them in', () => {
  assert.equal(component.kind, 'Component');
  assert.equal(job.spec.parallelism, job.spec.completions);
  const coordinator = read('base', 'coordinator.yaml') as Job & {
    metadata: { name: string };
  };
  const [args, ingress] = component.patches;
  assert.equal(args!.target.name, coordinator.metadata.name);
  assert.ok(args!.patch.includes(`value: --servers=${job.spec.completions}`));
  assert.equal(ingress!.target.kind, 'NetworkPolicy');
  const listen = coordinator.spec.template.spec.containers[0]!.args.find((arg) =>
    arg.startsWith('--listen='),
  );
  const port = flagOf('coordinator').split(':')[1];
  assert.ok(listen?.endsWith(`:${port}`));
  const [rule] = parse(ingress!.patch) as { value: { ports: { port: number }[] } }[];
  assert.deepEqual(
    rule!.value.ports.map((allowed) => String(allowed.port)),
    [port],
  );
});

test('a server that is asked to end has the time that it takes', () => {
  assert.ok(job.spec.template.spec.terminationGracePeriodSeconds >= 20 + 1);
});
