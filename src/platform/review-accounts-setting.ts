import { z } from 'zod';

/** `app=…,report=…,migrate=…,backup=…`, in any order; what is left out has the name of the local stack's. */
export const reviewAccounts = z
  .string()
  .regex(/^(?:(?:app|report|migrate|backup)=[\w.-]{1,80}(?:,|$))*$/, 'must be role=account, joined by commas')
  .default('')
  .transform((list) => {
    const named = Object.fromEntries(list.split(',').map((entry) => entry.split('=') as [string, string | undefined]));
    const nameOf = (role: string): string => named[role] ?? `billing_${role}`;
    return { app: nameOf('app'), report: nameOf('report'), migrate: nameOf('migrate'), backup: nameOf('backup') };
  });
