import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommanderError, Option, type Command } from 'commander';
import { DEFAULT_REVIEWER, renderHtml, renderJson, renderMarkdown, verifyReview, type SignedReview } from '../audit';
import { AuditServiceClient } from '../gen/billing/v1/audit_service.pb';
import { ReviewState, type Review } from '../gen/billing/v1/review.pb';
import { monotonicMs, systemClock } from '../platform/clock';
import { callUnary, findDatabaseUrl } from './connection';
import { reportFailure, tellRequestId } from './failure';
import type { Cell, Output } from './output';
import { readVerifiers } from './public-keys';
import type { CommandParts } from './quota';
import { addRequestId, requestIdOf, type RequestOptions } from './request-id';
import { reviewDirectly } from './review-database';

/** `billing audit review`: the financial review as one command, with an exit code that a pipeline can act on. */

/** Where the owner looks for it. */
const DIRECTORY = join('docs', 'GROWTH_ENGINE', '活动营销系统');
const FILE_NAME = 'REVIEW-BillingGuard';

type Language = 'zh' | 'en';

const RENDERERS = {
  md: (signed: SignedReview, language: Language) => renderMarkdown(signed, language),
  html: (signed: SignedReview, language: Language) => renderHtml(signed, language),
  json: (signed: SignedReview) => renderJson(signed),
} as const;

type Format = keyof typeof RENDERERS;

const FORMATS: Readonly<Record<Format | 'all', readonly Format[]>> = {
  md: ['md'],
  html: ['html'],
  json: ['json'],
  all: ['md', 'html', 'json'],
};

interface ReviewOptions extends RequestOptions {
  readonly en?: true;
  readonly format: keyof typeof FORMATS;
  readonly out: string;
  readonly database?: string | true;
  readonly dataOnly?: true;
  readonly reviewer: string;
  readonly review?: string;
  readonly verify?: string;
  readonly publicKey?: string;
}

/** Passed, or proved; not passed, or not proved; could not be made. */
const EXIT = { passed: 0, failed: 1, notMade: 2 } as const;

/** Adds `audit review`. */
export function addAuditReviewCommand(audit: Command, parts: CommandParts): void {
  const command = audit
    .command('review')
    .description(
      'review everything: amounts, stock, quota, payments, refunds, schema, accounts, backups; as auditor. ' +
        'Exit code 0: passed, 1: not passed, 2: could not be made',
    )
    .option('--zh', 'the report in Chinese, which is the default')
    .addOption(new Option('--en', 'the report in English').conflicts('zh'))
    .addOption(new Option('--format <format>', 'what to write').choices(Object.keys(FORMATS)).default('all'))
    .option('--out <directory>', `where to write ${FILE_NAME}.md, .html and .json`, DIRECTORY)
    .option('--reviewer <name>', 'who answers for it', DEFAULT_REVIEWER)
    .option('--review <review_id>', 'fetch this review, instead of having one made')
    .option(
      '--database [url]',
      'review a database from here, instead of having the service do it: that of DATABASE_URL (default: the local stack). ' +
        'A URL here is seen by everybody on this machine: give none that holds a password',
    )
    .option('--data-only', 'with --database: leave out accounts, backups and the build, which a restored copy has not')
    .option('--verify <file>', 'say whether this .json file is as it was signed')
    .option('--public-key <file>', 'with --verify: keys in PEM; also AUDIT_PUBLIC_KEY. Default: the local stack');
  // A wrong command line is no verdict either.
  command.exitOverride(({ exitCode, code, message }) => {
    throw new CommanderError(exitCode === 0 ? 0 : EXIT.notMade, code, message);
  });
  addRequestId(command).action(async (options: ReviewOptions, self: Command) => {
    try {
      process.exitCode = await run(options, parts);
    } catch (error) {
      reportFailure(error, self.optsWithGlobals<{ json?: boolean }>().json === true);
      process.exitCode = EXIT.notMade;
    }
  });
}

async function run(options: ReviewOptions, parts: CommandParts): Promise<number> {
  if (options.verify !== undefined) return verify(options.verify, options.publicKey, parts.output());
  const { database, dataOnly, reviewer } = options;
  if (dataOnly === true && database === undefined) throw new Error('--data-only goes with --database');
  const signed =
    database === undefined
      ? await reviewByService(options, parts)
      : await reviewDirectly(
          database === true ? findDatabaseUrl() : database,
          { reviewer, scope: dataOnly === true ? 'data' : 'all' },
          tellProgress(),
        );
  show(signed, writeReports(signed, options), options.en === true ? 'en' : 'zh', parts.output());
  return EXIT[signed.review.verdict];
}

/** Says how far a review is, on standard error, at most this often. */
const PROGRESS_INTERVAL_MS = 2_000;

interface Progress {
  readonly checksDone: number;
  readonly checksTotal: number;
  readonly at: string;
  readonly rows: number;
}

function tellProgress(reviewId = ''): (progress: Progress) => void {
  let toldMs = monotonicMs();
  return ({ checksDone, checksTotal, at, rows }) => {
    if (monotonicMs() - toldMs < PROGRESS_INTERVAL_MS) return;
    toldMs = monotonicMs();
    const where = `${at}${rows === 0 ? '' : `: ${rows} rows`}`;
    const name = reviewId === '' ? '' : `${reviewId}: `;
    process.stderr.write(`${name}${checksDone} of ${checksTotal} checks made; ${where} …\n`);
  };
}

/** Between two looks at a review that a worker makes. */
const LOOK_MS = 500;

async function reviewByService(options: ReviewOptions, { withClient }: CommandParts): Promise<SignedReview> {
  const requestId = requestIdOf(options);
  const { reviewer } = options;
  return withClient(AuditServiceClient, async (client) => {
    const get = async (reviewId: string, withDocument: boolean): Promise<Review> => {
      const request = { reviewId, withDocument };
      return required((await callUnary(client.getReview.bind(client), request, systemClock.now())).review);
    };
    const ask = async (): Promise<Review> => {
      const request = { requestId, reviewer };
      return required((await callUnary(client.runReview.bind(client), request, systemClock.now())).review);
    };
    const { review: known } = options;
    let review = known === undefined ? await ask().catch(tellRequestId(requestId)) : await get(known, false);
    // Whoever is cut off fetches it by its id.
    const tell = tellProgress(review.reviewId);
    while (review.state === ReviewState.REQUESTED || review.state === ReviewState.RUNNING) {
      await pause(LOOK_MS);
      review = await get(review.reviewId, false);
      if (review.progress !== undefined) tell(review.progress);
    }
    if (review.state === ReviewState.FAILED) {
      throw new Error(`The review ${review.reviewId} could not be made: ${review.error}`);
    }
    return JSON.parse((await get(review.reviewId, true)).document) as SignedReview;
  });
}

function required(review: Review | undefined): Review {
  if (review === undefined) throw new Error('the service answered without a review');
  return review;
}

/** Writes what was asked for; each file whole or not at all. */
function writeReports(signed: SignedReview, { format, out, en }: ReviewOptions): readonly string[] {
  mkdirSync(out, { recursive: true });
  return FORMATS[format].map((one) => {
    const file = join(out, `${FILE_NAME}.${one}`);
    const draft = `${file}.${process.pid}.new`;
    writeFileSync(draft, RENDERERS[one](signed, en === true ? 'en' : 'zh'));
    renameSync(draft, file);
    return file;
  });
}

function show(
  { review, sha256, signature }: SignedReview,
  files: readonly string[],
  language: Language,
  output: Output,
) {
  const { review_id: reviewId, verdict, problems, scope, checks, milliseconds, build, database } = review;
  const rows = checks
    .filter(({ outcome }) => outcome === 'found' || outcome === 'broken')
    .map((check): readonly Cell[] => {
      return [
        check.severity,
        check.id,
        check.title[language],
        check.outcome === 'broken' ? check.error : check.findings,
      ];
    });
  output.recordWithRows(
    {
      verdict,
      ...{ scope, severe: problems.severe, medium: problems.medium, minor: problems.minor },
      review_id: reviewId,
      ...{ version: build.version, commit: build.commit, orders: database.orders, quota_logs: database.quota_logs },
      seconds: Math.ceil(milliseconds / 1_000),
      ...{ sha256, key_id: signature?.key_id ?? '' },
      files: files.join(' '),
    },
    'problems',
    ['severity', 'check', 'problem', 'found'],
    rows,
  );
}

function verify(file: string, publicKey: string | undefined, output: Output): number {
  const verification = verifyReview(readFileSync(file, 'utf8'), readVerifiers(publicKey));
  if (!verification.isProved) {
    output.record({ signature: 'BAD', problem: verification.problem });
    return EXIT.failed;
  }
  const { review, sha256 } = verification.signed;
  output.record({
    signature: 'good',
    key_id: verification.keyId,
    sha256,
    review_id: review.review_id,
    time: review.review_time,
    reviewer: review.reviewer,
    scope: review.scope,
    verdict: review.verdict,
  });
  return EXIT.passed;
}
