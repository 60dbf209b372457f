import { testSchedules } from '../support/simulated-schedules.ts';

testSchedules(5_000, 5_000);
