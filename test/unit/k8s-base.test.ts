/** The manifests in k8s/base: whether their parts fit each other, the command line and the configuration. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SPARE_COLLECTIONS } from '../../src/process/allocator.ts';
import { loadRunConfig } from '../../src/config/load.ts';
import { packageRoot } from '../../src/process/package-root.ts';
import { EXIT } from '../../src/errors.ts';
import { isLoopback } from '../../src/rpc/channel/address.ts';
import {
  BASE,
  composed,
  kustomization,
  rendered,
  type Container,
  type JobSpec,
  type Manifest,
  type PolicySpec,
  type ServiceSpec,
} from '../support/made/k8s-manifests.ts';

const byKustomize = rendered();
const manifests = byKustomize ?? composed();

function only(kind: string, name: RegExp): Manifest {
  const found = manifests.filter((each) => each.kind === kind && name.test(each.metadata.name));
  assert.equal(found.length, 1, `${kind} ${name.source}`);
  return found[0]!;
}

function jobOf(name: string): JobSpec {
  return only('Job', new RegExp(`^deepcluster-${name}$`)).spec as JobSpec;
}

function labelsOf(job: JobSpec): Readonly<Record<string, string>> {
  return job.template.metadata.labels ?? {};
}

function selects(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** The flags of a container's command with their values; null for a flag without one. */
function flagsOf({ args }: Container): Map<string, string | null> {
  return new Map(
    args.slice(1).map((arg) => {
      const split = arg.indexOf('=');
      return split < 0 ? [arg, null] : [arg.slice(0, split), arg.slice(split + 1)];
    }),
  );
}

const coordinator = jobOf('coordinator');
const worker = jobOf('worker');
const jobs = { coordinator, worker };
const containers = {
  coordinator: coordinator.template.spec.containers[0]!,
  worker: worker.template.spec.containers[0]!,
};
const service = only('Service', /./).spec as ServiceSpec;
const configMap = only('ConfigMap', /./);

describe(`the base, ${byKustomize ? 'rendered by kubectl' : 'read from its files for want of kubectl'}`, () => {
  for (const [name, job] of Object.entries(jobs)) {
    const { spec } = job.template;
    const container = spec.containers[0]!;

    test(`the ${name}'s command and flags are those of the program`, () => {
      const [program, room, script] = container.command;
      assert.equal(program, 'node');
      assert.deepEqual([room], SPARE_COLLECTIONS);
      assert.ok(existsSync(join(packageRoot(), script!)));
      assert.equal(container.args[0], name);
      const help = spawnSync(process.execPath, [join(packageRoot(), script!), name, '--help'], {
        encoding: 'utf8',
        env: { ...process.env, COLUMNS: '200' },
      });
      assert.equal(help.status, 0, help.stderr);
      for (const [flag, value] of flagsOf(container)) {
        const line = help.stdout.split('\n').find((text) => text.trim().split(' ')[0] === flag);
        assert.ok(line !== undefined, `${name} ${flag} is not in its help`);
        assert.equal(line.includes(`${flag} <`), value !== null, `${flag} takes a value or not`);
      }
    });

    test(`the ${name}'s mounts name its volumes, and every volume is mounted`, () => {
      const mounted = container.volumeMounts.map((mount) => mount.name).sort();
      assert.deepEqual(mounted, spec.volumes.map((volume) => volume.name).sort());
      const paths = container.volumeMounts.map((mount) => mount.mountPath);
      assert.equal(new Set(paths).size, paths.length);
    });

    test(`the ${name} may write to its run folder and /tmp alone, and is nobody in the cluster`, () => {
      const writable = container.volumeMounts.filter((mount) => mount.readOnly !== true);
      const expected = name === 'coordinator' ? ['/runs', '/tmp'] : ['/tmp'];
      assert.deepEqual(writable.map((mount) => mount.mountPath).sort(), expected);
      assert.deepEqual(container.securityContext, {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
      assert.equal(spec.securityContext['runAsNonRoot'], true);
      assert.ok(Number(spec.securityContext['runAsUser']) > 0);
      assert.deepEqual(spec.securityContext['seccompProfile'], { type: 'RuntimeDefault' });
      assert.equal(spec.automountServiceAccountToken, false);
    });

    test(`the ${name}'s environment holds no variables of Services, which could read as settings`, () => {
      assert.equal(spec.enableServiceLinks, false);
    });

    test(`a ${name} that no retry will mend is given up first, and a disruption is never counted`, () => {
      assert.equal(spec.restartPolicy, 'Never'); // the API refuses podFailurePolicy with any other
      assert.equal(job.podReplacementPolicy, 'Failed');
      const [mistake, disruption, ...others] = job.podFailurePolicy.rules;
      assert.equal(mistake?.action, name === 'coordinator' ? 'FailJob' : 'FailIndex');
      assert.equal(mistake.onExitCodes?.containerName, container.name);
      assert.deepEqual(mistake.onExitCodes.values, [EXIT.invalid]);
      assert.equal(disruption?.action, 'Ignore');
      assert.deepEqual(disruption.onPodConditions, [{ type: 'DisruptionTarget', status: 'True' }]);
      assert.deepEqual(others, []); // all else counts: a failure that repeats must come to an end
    });
  }

  test('both Jobs run the image that an overlay is told to rename', () => {
    const { name } = kustomization.images[0]!;
    for (const { image } of Object.values(containers)) assert.equal(image.split(':')[0], name);
  });

  test('the Service leads to the coordinator alone, by the ports it listens on, ready or not', () => {
    assert.equal(selects(service.selector, labelsOf(coordinator)), true);
    assert.equal(selects(service.selector, labelsOf(worker)), false);
    assert.equal(service.clusterIP, 'None');
    assert.equal(service.publishNotReadyAddresses, true);
    const named = new Map(containers.coordinator.ports?.map((port) => [port.name, port]));
    for (const { port, targetPort } of service.ports) {
      // The name of a headless Service leads past its ports to the pod: they must be equal.
      assert.equal(named.get(targetPort)?.containerPort, port);
    }
    const flags = flagsOf(containers.coordinator);
    const listens = ['--listen', '--parameter-listen'].map((flag) => flags.get(flag));
    assert.deepEqual(
      listens,
      service.ports.map(({ port }) => `0.0.0.0:${port}`),
    );
  });

  test('workers look for the coordinator by the name and control port of the Service', () => {
    const name = only('Service', /./).metadata.name;
    const port = service.ports[0]!.port;
    assert.equal(flagsOf(containers.worker).get('--coordinator'), `${name}:${port}`);
  });

  test('the probes ask the plain-text health port, which no Service leads to', () => {
    const { startupProbe, readinessProbe, livenessProbe, ports } = containers.coordinator;
    const port = Number(flagsOf(containers.coordinator).get('--health')?.split(':').at(-1));
    assert.equal(ports?.find(({ name }) => name === 'health')?.containerPort, port);
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      assert.deepEqual(probe?.grpc, { port, service: '' });
    }
    assert.ok(service.ports.every((each) => each.port !== port));
  });

  for (const [name, { template }] of Object.entries(jobs)) {
    test(`the ${name} has the credentials of its role, from a Secret that is closed to others`, () => {
      const container = template.spec.containers[0]!;
      const folder = flagsOf(container).get('--credentials');
      const mount = container.volumeMounts.find(({ mountPath }) => mountPath === folder);
      assert.equal(mount?.readOnly, true);
      const volume = template.spec.volumes.find((each) => each.name === mount.name);
      assert.equal(volume?.secret?.secretName, `deepcluster-credentials-${name}`);
      // What the program itself refuses otherwise; the group that reads them is the pod's.
      assert.equal(volume.secret.defaultMode & 0o007, 0);
      assert.ok(Number(template.spec.securityContext['fsGroup']) > 0);
      const readme = readFileSync(join(packageRoot(), 'k8s', 'README.md'), 'utf8');
      const roles = /for role in ([\w ]+);/.exec(readme)?.[1]?.split(' ') ?? [];
      assert.ok(roles.includes(name), 'the README makes that Secret');
      assert.match(readme, /create secret generic deepcluster-credentials-\$role/);
    });
  }

  test('what listens beyond loopback has credentials, and admits the workers, and Prometheus to its metrics', () => {
    const flags = flagsOf(containers.coordinator);
    assert.equal(isLoopback(flags.get('--listen') ?? ''), false);
    assert.ok(flags.has('--credentials'));
    const policies = manifests.filter(({ kind }) => kind === 'NetworkPolicy');
    const policiesFor = (job: JobSpec): PolicySpec[] =>
      policies
        .map(({ spec }) => spec as PolicySpec)
        .filter(({ podSelector }) => selects(podSelector.matchLabels, labelsOf(job)));
    const [admission, ...others] = policiesFor(coordinator);
    assert.deepEqual(others, []); // policies add up: a second one could only admit more
    const [fromWorkers, fromPrometheus, ...rest] = admission!.ingress;
    assert.deepEqual(rest, []);
    const { from, ports } = fromWorkers!;
    assert.equal(from.length, 1);
    assert.equal(selects(from[0]!.podSelector.matchLabels, labelsOf(worker)), true);
    assert.equal(selects(from[0]!.podSelector.matchLabels, labelsOf(coordinator)), false);
    assert.deepEqual(
      ports.map(({ port }) => port),
      service.ports.map(({ port }) => port),
    );
    const page = Number(flags.get('--dashboard')?.split(':').at(-1));
    assert.deepEqual(
      fromPrometheus!.ports.map(({ port }) => port),
      [page],
    );
    const prometheus = { 'app.kubernetes.io/name': 'prometheus' };
    assert.deepEqual(
      fromPrometheus!.from.map(({ podSelector }) => podSelector.matchLabels),
      [prometheus],
    );
    const { annotations } = coordinator.template.metadata;
    assert.equal(annotations?.['prometheus.io/port'], String(page));
    assert.deepEqual(
      policiesFor(worker).map(({ ingress }) => ingress),
      [[]],
    );
  });

  test('the configuration is mounted under the name of the generated ConfigMap, with the key that --config names', () => {
    const file = flagsOf(containers.coordinator).get('--config') ?? '';
    const mount = containers.coordinator.volumeMounts.find(({ mountPath }) =>
      file.startsWith(`${mountPath}/`),
    );
    const volume = coordinator.template.spec.volumes.find(({ name }) => name === mount?.name);
    assert.equal(volume?.configMap?.name, configMap.metadata.name);
    assert.deepEqual(Object.keys(configMap.data ?? {}), [file.slice(mount!.mountPath.length + 1)]);
  });

  test('run.yaml is a valid configuration of the paper with the images where both Jobs mount them', () => {
    const { config } = loadRunConfig({ file: join(BASE, 'run.yaml'), env: {}, settings: [] });
    assert.equal(config.model.architecture, 'alexnet-bn');
    assert.equal(config.clustering.k, 10_000);
    assert.equal(config.cluster.engine, 'tensorflow'); // never in silence a slower one
    const { source } = config.data;
    assert.equal(flagsOf(containers.worker).get('--data'), source);
    for (const [name, { volumeMounts }] of Object.entries(containers)) {
      const mount = volumeMounts.find(({ mountPath }) => mountPath === source);
      assert.equal(mount?.readOnly, true, name);
    }
    const claims = Object.values(jobs).map(({ template }) => {
      const images = template.spec.volumes.find(({ name }) => name === 'images');
      return images?.persistentVolumeClaim;
    });
    assert.deepEqual(claims[0], claims[1]);
    assert.equal(claims[0]?.readOnly, true);
    // More workers than slices of a step would pay for GPUs that wait.
    const { batchSize, sliceSize } = config.training;
    assert.ok(Number(worker.completions) <= batchSize / sliceSize);
  });

  test('the run folder lies on a claim of the base, and a restarted pod goes on with its run', () => {
    const flags = flagsOf(containers.coordinator);
    const mount = containers.coordinator.volumeMounts.find(({ mountPath }) =>
      flags.get('--out')?.startsWith(`${mountPath}/`),
    );
    const volume = coordinator.template.spec.volumes.find(({ name }) => name === mount?.name);
    const claim = volume?.persistentVolumeClaim?.claimName;
    assert.equal(only('PersistentVolumeClaim', /./).metadata.name, claim);
    assert.ok(flags.has('--resume-or-begin'));
  });

  test('each worker has one GPU and a name of its own, and the first to finish ends the Job', () => {
    assert.equal(containers.worker.resources.limits['nvidia.com/gpu'], 1);
    assert.equal(containers.coordinator.resources.limits['nvidia.com/gpu'], undefined);
    assert.equal(worker.completionMode, 'Indexed');
    assert.equal(worker.parallelism, worker.completions);
    assert.match(
      flagsOf(containers.worker).get('--worker-id') ?? '',
      /\$\(JOB_COMPLETION_INDEX\)$/,
    );
    assert.ok((worker.backoffLimitPerIndex ?? 0) > 0); // the API asks for it with FailIndex
    assert.deepEqual(worker.successPolicy?.rules, [{ succeededCount: 1 }]);
  });
});
