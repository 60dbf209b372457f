import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gpuTitle, parseGpuList, visibleGpus } from '../../src/engine/gpus.ts';

const LISTING = '0, NVIDIA H200, [N/A]\n1, NVIDIA H200, 143771\n';
const FOUND = parseGpuList(LISTING);

test("the driver's list of GPUs is read by index, name and memory", () => {
  assert.deepEqual(FOUND, [
    { index: '0', name: 'NVIDIA H200', memoryMib: null },
    { index: '1', name: 'NVIDIA H200', memoryMib: 143771 },
  ]);
  assert.deepEqual(parseGpuList('No devices were found\n'), []);
});

test('CUDA_VISIBLE_DEVICES chooses among them, as CUDA reads it', () => {
  const visible = (setting: string): string[] =>
    visibleGpus({ CUDA_VISIBLE_DEVICES: setting }, FOUND);
  assert.deepEqual(visibleGpus({}, FOUND), ['0', '1']);
  assert.deepEqual(visible('1, 0'), ['1', '0']);
  assert.deepEqual(visible('GPU-3c1f0e8a'), ['GPU-3c1f0e8a']);
  assert.deepEqual(visible('0,-1,1'), ['0']); // what is no device ends the list
  assert.deepEqual([visible(''), visible('-1')], [[], []]);
  assert.deepEqual(visibleGpus({ CUDA_VISIBLE_DEVICES: '0' }, []), []); // no driver, no GPU
});

test('a GPU is told by index and name', () => {
  assert.equal(gpuTitle('1', FOUND), 'GPU 1 (NVIDIA H200)');
  assert.equal(gpuTitle('GPU-3c1f0e8a', FOUND), 'GPU GPU-3c1f0e8a');
});
