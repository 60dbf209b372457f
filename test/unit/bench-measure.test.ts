import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { measureCases, type Case, type MeasureOptions } from '../../bench/measure.ts';
import type { Peer } from '../../bench/peer.ts';

/** Everything that happens, in its order. */
type Events = string[];

function caseThat(events: Events, name = 'work', hasPeer = true): Case {
  return {
    name,
    quantity: { unit: 's', images: 1, flops: null },
    isGemmLimited: false,
    prepare: () => {
      events.push(`prepare ${name}`);
      return {
        run: () => {
          events.push('ours');
        },
        ...(hasPeer ? { peerWork: () => ({ mode: name }) } : {}),
        dispose: () => {
          events.push('dispose');
        },
      };
    },
  };
}

/** @param failAt the run that fails, counted from 1; the first one is the uncounted */
function fakePeer(events: Events, failAt = Infinity): Peer {
  let runs = 0;
  return {
    prepare: (work) => {
      events.push(`peer prepares ${JSON.stringify(work)}`);
      return Promise.resolve('fake 1.0');
    },
    run: () => {
      runs += 1;
      events.push('peer');
      return runs === failAt ? Promise.reject(new Error('out of memory')) : Promise.resolve(3);
    },
    close: () => {
      events.push('close');
    },
  };
}

function optionsWith(peer: Peer | { missing: string } | null, runs = 2): MeasureOptions {
  return {
    runs,
    isQuick: true,
    startPeer: peer === null ? null : () => Promise.resolve(peer),
    measureGemm: () => assert.fail('no row here has this limit'),
    onProgress: () => undefined,
  };
}

describe('measuring', () => {
  test('warms both sides up, then runs them by turns, case after case', async () => {
    const events: Events = [];
    const cases = [caseThat(events, 'one'), caseThat(events, 'two')];
    const rows = await measureCases(cases, optionsWith(fakePeer(events)));
    const turns = (name: string): string[] => [
      `prepare ${name}`,
      'ours',
      `peer prepares {"mode":"${name}","isQuick":true}`,
      'peer',
      ...['ours', 'peer', 'ours', 'peer'],
      'dispose',
    ];
    assert.deepEqual(events, [...turns('one'), ...turns('two'), 'close']);
    for (const { ours, peer } of rows) {
      assert.equal(ours.runs, 2);
      assert.deepEqual(peer, { name: 'fake 1.0', median: 3, min: 3, max: 3, runs: 2 });
    }
  });

  test('goes on alone where the peer fails, and says why', async () => {
    for (const failAt of [1, 3]) {
      const events: Events = [];
      const peer = fakePeer(events, failAt);
      const [row] = await measureCases([caseThat(events)], optionsWith(peer, 4));
      assert.equal(row!.ours.runs, 4);
      assert.equal(row!.peerMissing, 'out of memory');
      assert.equal(row!.peer, undefined);
      assert.equal(events.filter((event) => event === 'peer').length, failAt);
    }
  });

  test('says why there is no peer, but only if one was asked for', async () => {
    const [missing] = await measureCases([caseThat([])], optionsWith({ missing: 'no torch' }));
    assert.equal(missing!.peerMissing, 'no torch');
    const own = caseThat([], 'own', false);
    const [without] = await measureCases([own], optionsWith(fakePeer([])));
    assert.equal(without!.peerMissing, 'no peer does this work');
    const [unasked] = await measureCases([caseThat([])], optionsWith(null));
    assert.deepEqual(Object.keys(unasked!), ['name', 'unit', 'ours']);
  });

  test('puts away what it prepared, and the peer, when our work fails', async () => {
    const events: Events = [];
    const failing: Case = {
      ...caseThat(events),
      prepare: () => ({
        run: () => {
          throw new Error('wrong result');
        },
        dispose: () => {
          events.push('dispose');
        },
      }),
    };
    const measuring = measureCases([failing], optionsWith(fakePeer(events)));
    await assert.rejects(measuring, /wrong result/);
    assert.deepEqual(events, ['dispose', 'close']);
  });
});
