import { testSchedules } from '../support/runs/simulated-schedules.ts';

testSchedules(5_000, 5_000);
