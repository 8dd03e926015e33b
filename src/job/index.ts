/** What the root builds the memory of jobs from. Meaning: README.md. */
export { createDeadLetters } from './dead-letters';
export { countDeadLetters } from './job.queries';
export { createJobService } from './job.rpc';
export { createJobSlots } from './job-slots';
