/** For `--import`: this process's wall clock jumps an hour ahead, and later two hours back, again and again. */
const JUMP_EVERY_MS = 700;
const HOUR_MS = 3_600_000;
const now = Date.now;
const began = now();
Date.now = () => {
  const jumps = Math.floor((now() - began) / JUMP_EVERY_MS);
  const offsets = [0, HOUR_MS, -HOUR_MS];
  return now() + offsets[jumps % offsets.length];
};
