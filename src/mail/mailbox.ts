/** Evaluation without a mail server: mails go to a mailbox that is read in the browser. */
import type { MailTransport, OutgoingMail } from './transport.ts'

export interface MailboxMessage {
  sender: string
  recipient: string
  subject: string
  text: string
  html: string
}

/** Where the mails are kept. */
export interface MailboxWriter {
  add(message: MailboxMessage): Promise<unknown>
}

export class MailboxTransport implements MailTransport {
  readonly #mailbox: MailboxWriter
  readonly #sender: string

  constructor(mailbox: MailboxWriter, sender: string) {
    this.#mailbox = mailbox
    this.#sender = sender
  }

  async send({ to, subject, text, html }: OutgoingMail): Promise<void> {
    await this.#mailbox.add({ sender: this.#sender, recipient: to, subject, text, html })
  }

  async health(): Promise<boolean> {
    return true
  }

  async close(): Promise<void> {}
}
