import type { Check } from './check';
import { AUDIT_TRAIL_CHECKS } from './checks/audit-trail';
import { BACKUP_CHECKS } from './checks/backups';
import { CLAIMS_TEST_CHECKS } from './checks/claims-test';
import { DOMAIN_CHECKS } from './checks/domain-checks';
import { SCHEMA_KEY_CHECKS } from './checks/schema-keys';
import { SCHEMA_PRIVILEGE_CHECKS } from './checks/schema-privileges';
import { SCHEMA_ROUTINE_CHECKS } from './checks/schema-routines';
import { SCHEMA_TRIGGER_CHECKS } from './checks/schema-triggers';

/**
 * Every check of the review, in the order in which problems are told. The only list: a test demands that each line of the checklist
 * has at least one.
 */
export const CHECKS: readonly Check[] = [
  ...CLAIMS_TEST_CHECKS,
  ...SCHEMA_KEY_CHECKS,
  ...SCHEMA_ROUTINE_CHECKS,
  ...SCHEMA_TRIGGER_CHECKS,
  ...SCHEMA_PRIVILEGE_CHECKS,
  ...DOMAIN_CHECKS,
  ...AUDIT_TRAIL_CHECKS,
  ...BACKUP_CHECKS,
];
