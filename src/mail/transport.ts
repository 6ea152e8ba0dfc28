/** The port every way of sending mail implements, and what may go wrong. */

export interface OutgoingMail {
  to: string
  subject: string
  text: string
  html: string
  /** Stays the same when the same mail is tried again, so that a receiver can tell a repeat from a second mail. */
  id?: string | undefined
}

export interface MailTransport {
  /** Resolves when the next server has taken responsibility for it. Throws `MailError`. */
  send(message: OutgoingMail): Promise<void>
  /** Whether mail could be sent now. Never throws. */
  health(): Promise<boolean>
  /** Ends at once: a mail that is still on its way fails as one that was not taken now. */
  close(): Promise<void>
}

/**
 * - `permanent`: this mail will never be taken; trying again is useless
 * - `outage`: no mail is taken now (server away, credentials refused); the mail itself is fine
 * - `temporary`: this mail was not taken now
 */
export type MailFailure = 'permanent' | 'outage' | 'temporary'

/** `message` is safe to store and to log: it repeats neither the mail nor what the server said about it. */
export class MailError extends Error {
  readonly failure: MailFailure

  constructor(failure: MailFailure, message: string) {
    super(message)
    this.name = 'MailError'
    this.failure = failure
  }

  get permanent(): boolean {
    return this.failure === 'permanent'
  }
}
