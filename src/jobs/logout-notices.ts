/**
 * Logout notices as work of the outbox. Every application is its own transport: one that is down costs nobody else
 * anything, so there is no outage of them all, and nothing to probe.
 */
import { NoticeError } from '../domain/access/notice-error.ts'
import type { LogoutNotice } from '../domain/outbox.ts'
import type { OutboxWorkerOptions, Work } from './outbox-worker.ts'

/** How often an application may turn a notice down before it is believed. */
const TURNED_DOWN = 3

/** About half a day of an application that is away. */
export const NOTICE_OPTIONS: Partial<OutboxWorkerOptions> = {
  concurrency: 8,
  leaseSeconds: 60,
  pollMs: 1000,
  lastRetrySeconds: 3600,
  maxAttempts: 20,
}

/** @param send delivers one; throws `NoticeError` */
export function logoutNotices(send: (notice: LogoutNotice) => Promise<void>): Work<'backchannel-logout'> {
  return {
    kind: 'backchannel-logout',
    run: ({ job }) => send(job),
    judge(error, { attempts }) {
      const failure = error instanceof NoticeError ? error.failure : 'temporary'
      if (failure === 'turned-down') return attempts < TURNED_DOWN ? 'temporary' : 'permanent'
      return failure
    },
    probe: async () => true,
    laneOf: ({ job }) => job.clientId,
    factsOf: ({ job }) => ({ job: job.kind, clientId: job.clientId }),
    words: {
      reading: 'the outbox of logout notices',
      doing: 'sending logout notices',
      givenUp: 'an app could not be told about a sign-out',
      again: 'an app will be told about a sign-out later',
      unrecorded: 'a finished logout notice could not be recorded',
    },
  }
}
