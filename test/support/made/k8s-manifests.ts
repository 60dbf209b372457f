/** The manifests of k8s/base, as Kubernetes would read them. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { packageRoot } from '../../../src/process/package-root.ts';

export const BASE = join(packageRoot(), 'k8s', 'base');

interface Metadata {
  readonly name: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Probe {
  readonly grpc: { readonly port: number; readonly service: string };
}

export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly resources: {
    readonly requests: Readonly<Record<string, unknown>>;
    readonly limits: Readonly<Record<string, unknown>>;
  };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly startupProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly livenessProbe?: Probe;
}

interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
  readonly persistentVolumeClaim?: { readonly claimName: string; readonly readOnly?: boolean };
  readonly emptyDir?: object;
}

interface PodSpec {
  readonly restartPolicy: string;
  readonly automountServiceAccountToken: boolean;
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly Container[];
  readonly volumes: readonly Volume[];
}

interface FailureRule {
  readonly action: string;
  readonly onExitCodes?: { readonly containerName: string; readonly values: readonly number[] };
  readonly onPodConditions?: readonly { readonly type: string; readonly status: string }[];
}

export interface JobSpec {
  readonly completionMode?: string;
  readonly completions?: number;
  readonly parallelism?: number;
  readonly backoffLimitPerIndex?: number;
  readonly podReplacementPolicy: string;
  readonly successPolicy?: { readonly rules: readonly { readonly succeededCount: number }[] };
  readonly podFailurePolicy: { readonly rules: readonly FailureRule[] };
  readonly template: { readonly metadata: Metadata; readonly spec: PodSpec };
}

export interface ServiceSpec {
  readonly clusterIP: string;
  readonly publishNotReadyAddresses: boolean;
  readonly selector: Readonly<Record<string, string>>;
  readonly ports: readonly { readonly port: number; readonly targetPort: string }[];
}

interface Selector {
  readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
}

export interface PolicySpec extends Selector {
  readonly ingress: readonly {
    readonly from: readonly Selector[];
    readonly ports: readonly { readonly port: number }[];
  }[];
}

export interface Manifest {
  readonly kind: string;
  readonly metadata: Metadata;
  readonly spec?: unknown;
  readonly data?: Readonly<Record<string, string>>;
}

interface Kustomization {
  readonly labels: readonly { readonly pairs: Readonly<Record<string, string>> }[];
  readonly resources: readonly string[];
  readonly configMapGenerator: readonly {
    readonly name: string;
    readonly files: readonly string[];
  }[];
  readonly images: readonly { readonly name: string }[];
}

export const kustomization = parse(
  readFileSync(join(BASE, 'kustomization.yaml'), 'utf8'),
) as Kustomization;

function documentsOf(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    assert.deepEqual(document.errors, []);
    return document.toJS() as Manifest;
  });
}

/** What `kubectl kustomize` makes of the base, or null where there is no kubectl. */
export function rendered(): Manifest[] | null {
  const { status, stdout, stderr, error } = spawnSync('kubectl', ['kustomize', BASE], {
    encoding: 'utf8',
  });
  if (error !== undefined) return null;
  assert.equal(status, 0, stderr);
  return documentsOf(stdout);
}

/** The files themselves, with the labels and the ConfigMap that kustomize would add. */
export function composed(): Manifest[] {
  const common = Object.assign({}, ...kustomization.labels.map(({ pairs }) => pairs)) as object;
  const addLabels = (metadata: Metadata): Metadata => ({
    ...metadata,
    labels: { ...metadata.labels, ...common },
  });
  const resources = kustomization.resources.flatMap((file) =>
    documentsOf(readFileSync(join(BASE, file), 'utf8')).map((manifest) => {
      if (manifest.kind !== 'Job') return { ...manifest, metadata: addLabels(manifest.metadata) };
      const spec = manifest.spec as JobSpec;
      const template = { ...spec.template, metadata: addLabels(spec.template.metadata) };
      return { ...manifest, spec: { ...spec, template } };
    }),
  );
  const configMaps = kustomization.configMapGenerator.map(({ name, files }) => ({
    kind: 'ConfigMap',
    metadata: { name },
    data: Object.fromEntries(
      files.map((file) => [file, readFileSync(join(BASE, file), 'utf8')] as const),
    ),
  }));
  return [...resources, ...configMaps];
}
