/** Mail as work of the outbox: one server takes it all, so that when it is away nothing is tried until it answers. */
import type { OutboxRow } from '../domain/ports.ts'
import { MailError } from '../mail/transport.ts'
import type { OutboxWorkerOptions, Work } from './outbox-worker.ts'

/**
 * Only who has an account is sent something, and this process does it: begun before the answer is out, it would delay it,
 * and a stranger could tell by time. A moment later, and not always the same, it delays nobody in particular.
 */
export const MAIL_OPTIONS: Partial<OutboxWorkerOptions> = { pokedMs: () => 50 + 100 * Math.random() }

export function mailWork(
  run: (row: OutboxRow<'mail'>) => Promise<void>,
  probe: () => Promise<boolean>,
): Work<'mail'> {
  return {
    kind: 'mail',
    run,
    probe,
    judge: (error) => (error instanceof MailError ? error.failure : 'temporary'),
    factsOf: ({ job }) => ({ job: job.template }),
    words: {
      reading: 'the outbox',
      doing: 'sending mail',
      givenUp: 'a mail was given up',
      again: 'a mail will be tried again',
      unrecorded: 'a finished mail could not be recorded',
    },
  }
}
