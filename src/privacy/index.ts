/** What the root may use of privacy. Meaning and invariants: README.md. */
export { eraseUsers } from './erase-users.job';
export { findOtherKeys } from './find-other-keys';
export { measureSealedValues } from './measure-sealed-values.job';
export { createPrivacyService } from './privacy.rpc';
export { RESEALED_MAX, resealData } from './reseal-data.job';
