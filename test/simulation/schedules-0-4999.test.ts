import { testSchedules } from '../support/runs/simulated-schedules.ts';

testSchedules(0, 5_000);
