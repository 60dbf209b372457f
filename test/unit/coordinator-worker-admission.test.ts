import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  admitWorker,
  initialAdmission,
  type AdmissionAction,
  type AdmissionState,
  type Candidate,
} from '../../coordinator/fleet/worker-admission.ts';
import { layoutHash } from '../../src/ps/layout.ts';
import { tinyLayout } from '../support/made/layouts.ts';

const IMAGES = { spec: 'images', count: 30, digest: '5f'.repeat(32) };
const FITS: Candidate = {
  dataDigest: IMAGES.digest,
  imageCount: IMAGES.count,
  layoutJson: JSON.stringify(tinyLayout),
  featureDim: 3,
  representationName: 'feature',
  engine: 'wasm',
};

function play(...candidates: readonly Candidate[]): {
  state: AdmissionState;
  actions: readonly AdmissionAction[];
} {
  let state = initialAdmission(IMAGES);
  let actions: readonly AdmissionAction[] = [];
  for (const candidate of candidates) ({ state, actions } = admitWorker(state, candidate));
  return { state, actions };
}

test('the first worker brings the network, and the next one with the same joins it', () => {
  const first = play(FITS);
  const { featureDim, representationName, engine } = FITS;
  const network = { layout: tinyLayout, featureDim, representationName, engine };
  assert.deepEqual(first.actions, [{ type: 'setNetwork', network }, { type: 'admit' }]);
  assert.deepEqual(play(FITS, FITS).actions, [{ type: 'admit' }]);
});

test('the same layout in other words is the same layout', () => {
  const layoutJson = JSON.stringify(tinyLayout, null, 2);
  assert.notEqual(layoutJson, FITS.layoutJson);
  assert.deepEqual(play(FITS, { ...FITS, layoutJson }).actions, [{ type: 'admit' }]);
});

test('another layout is refused, and changes nothing', () => {
  const other = { ...tinyLayout, architecture: 'another' };
  const { state, actions } = play(FITS, { ...FITS, layoutJson: JSON.stringify(other) });
  const [refusal] = actions;
  assert.ok(refusal?.type === 'refuse' && actions.length === 1);
  assert.equal(refusal.what, 'parameter layout');
  assert.equal(refusal.expected, layoutHash(tinyLayout));
  assert.equal(refusal.got, layoutHash(other));
  assert.equal(state.layout?.hash, layoutHash(tinyLayout));
});

test('other images are refused before the layout is looked at: the first worker that fits brings it', () => {
  const stranger = { ...FITS, dataDigest: '00'.repeat(32), imageCount: 7 };
  const { state, actions } = play(stranger);
  const [refusal] = actions;
  assert.ok(refusal?.type === 'refuse' && actions.length === 1);
  assert.deepEqual(
    [refusal.what, refusal.expected, refusal.got],
    ['data set', '30 images with digest 5f5f5f5f5f5f (images)', '7 with 000000000000'],
  );
  assert.equal(state.layout, null);
});
