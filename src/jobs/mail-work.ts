/** Mail as work of the outbox: one server takes it all, so that when it is away nothing is tried until it answers. */
import type { OutboxRow } from '../domain/ports.ts'
import { MailError } from '../mail/transport.ts'
import type { Work } from './outbox-worker.ts'

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
