import { testSchedules } from '../support/simulated-schedules.ts';

testSchedules(0, 5_000);
