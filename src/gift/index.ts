/** What the root may use of gifts. Meaning and invariants: README.md. */
export { createGiftService } from './gift.rpc';
