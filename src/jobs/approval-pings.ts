/** Pings of CIBA as work of the outbox; an app that is down keeps only its own waiting. */
import { NoticeError } from '../domain/access/notice-error.ts'
import type { ApprovalPing } from '../domain/outbox.ts'
import type { OutboxWorkerOptions, Work } from './outbox-worker.ts'

/** Somebody waits, and what is told of lives for a quarter of an hour at most. */
export const PING_OPTIONS: Partial<OutboxWorkerOptions> = {
  concurrency: 8,
  leaseSeconds: 60,
  pollMs: 1000,
  firstRetrySeconds: 2,
  lastRetrySeconds: 60,
  maxAttempts: 16,
}

/** @param send delivers one; throws `NoticeError` */
export function approvalPings(send: (ping: ApprovalPing) => Promise<void>): Work<'ciba-ping'> {
  return {
    kind: 'ciba-ping',
    run: ({ job }) => send(job),
    judge: (error) =>
      error instanceof NoticeError && error.failure !== 'temporary' ? 'permanent' : 'temporary',
    probe: async () => true,
    laneOf: ({ job }) => job.clientId,
    factsOf: ({ job }) => ({ job: job.kind, clientId: job.clientId }),
    words: {
      reading: 'the outbox of pings',
      doing: 'sending pings',
      givenUp: 'an app could not be told of an answer',
      again: 'an app will be told of an answer later',
      unrecorded: 'a finished ping could not be recorded',
    },
  }
}
