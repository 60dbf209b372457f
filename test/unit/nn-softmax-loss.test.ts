/** The loss and its gradient against figures of the reference, and laws of the softmax. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { softmaxLoss } from '../../src/engine/plain/softmax-loss.ts';
import { assertClose } from '../support/made/nn-arrays.ts';

const LOGITS = Float32Array.of(1, 2, 3, 0, 0, 0, 3, -1, 0.5);

test('losses are summed, and the gradient is that of the sum', () => {
  const { lossSum, gradient } = softmaxLoss(LOGITS, Int32Array.of(2, 0, 1), 3);
  assertClose([lossSum / 3], [1.8672975275], 1e-10);
  const mean = [
    ...[0.0300101911, 0.081576157, -0.1115863481],
    ...[-0.2222222, 0.1111111, 0.1111111],
    ...[0.3029199748, -0.3277851605, 0.0248651857],
  ];
  // float32, and seven decimals of the figures
  assertClose(
    gradient,
    mean.map((value) => 3 * value),
    2e-7,
  );
});

test('large logits neither overflow nor lose the loss', () => {
  const { lossSum, gradient } = softmaxLoss(Float32Array.of(1000, -1000), Int32Array.of(1), 2);
  assert.equal(lossSum, 2000);
  assert.deepEqual([...gradient], [1, -1]);
});

test('equal logits cost the logarithm of the number of classes', () => {
  assert.equal(softmaxLoss(new Float32Array(50), Int32Array.of(7), 50).lossSum, Math.log(50));
});

test('a pseudo-label that the head does not have is refused', () => {
  for (const label of [-1, 3]) {
    assert.throws(() => softmaxLoss(LOGITS, Int32Array.of(0, label, 1), 3), {
      code: 'PROTOCOL_VIOLATION',
    });
  }
});
