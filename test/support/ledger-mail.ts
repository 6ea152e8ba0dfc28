/**
 * What the mail server took, read by address; and what the product promised to send, so that it can be compared.
 * A mail is told from another by its Message-ID, which is that of its row in the outbox: twice the same is a duplicate.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger } from './ledger.ts'
import type { SmtpSink } from './smtp-sink.ts'

/** the kinds of mail, by what only their text holds */
export const VERIFY = '/verify-email/'
export const RESET = '/reset-password/'
export const CHANGED = '/forgot-password'

interface Arrived {
  id: string
  text: string
}

const MAIL_MS = 8_000
const RESET_LINK = /https:\/\/\S+\/reset-password\/\S+/

export class MailReader {
  readonly #sink: SmtpSink
  /** one entry for each promise: address and kind */
  readonly #promised: [address: string, words: string][] = []
  readonly #byAddress = new Map<string, Arrived[]>()
  #read = 0

  constructor(sink: SmtpSink) {
    this.#sink = sink
  }

  /** The product acknowledged what makes it send this. */
  expect(address: string, words: string): void {
    this.#promised.push([address, words])
  }

  get promised(): number {
    return this.#promised.length
  }

  /** The codes of the registration mails to an address, newest first; none when none comes for some seconds. */
  async codesFor(address: string): Promise<string[]> {
    const arrived = await this.#wait(address, VERIFY, 1)
    return arrived.map(({ text }) => /\b(\d{3}) ?(\d{3})\b/.exec(text)?.slice(1).join('') ?? '').reverse()
  }

  /** The newest link to a new password, once as many came as were asked for. */
  async resetLinkFor(address: string): Promise<string | undefined> {
    const asked = this.#promised.filter(([to, words]) => to === address && words === RESET).length
    const arrived = await this.#wait(address, RESET, asked)
    return arrived.length < asked ? undefined : RESET_LINK.exec(arrived.at(-1)?.text ?? '')?.[0]
  }

  /** Promised addresses and how many of their mails never came. */
  missing(): { address: string; words: string; missing: number }[] {
    const wanted = new Map<string, number>()
    for (const promise of this.#promised) {
      const key = promise.join(' ')
      wanted.set(key, (wanted.get(key) ?? 0) + 1)
    }
    return [...wanted].flatMap(([key, count]) => {
      const [address = '', words = ''] = key.split(' ')
      const missing = count - new Set(this.#to(address, words).map(({ id }) => id)).size
      return missing > 0 ? [{ address, words, missing }] : []
    })
  }

  /** Message-IDs that came again, once for each time. */
  duplicates(): { mails: number; duplicates: string[] } {
    const seen = new Set<string>()
    const duplicates: string[] = []
    for (const { parsed } of this.#sink.mails) {
      const id = String(parsed.messageId)
      if (seen.has(id)) duplicates.push(`${id} ${parsed.subject}`)
      seen.add(id)
    }
    return { mails: seen.size, duplicates }
  }

  /** Compares, and tells the ledger. One in a thousand may come twice (SMTP cannot do better than at least once). */
  check(ledger: Ledger): void {
    for (const { address, words, missing } of this.missing())
      ledger.violated('I3', `person ${address}`, `${missing} accepted mails (${words}) were never sent`)
    const { mails, duplicates } = this.duplicates()
    if (duplicates.length > Math.max(1, mails / 1000))
      ledger.violated('I3', 'mail', `${duplicates.length} of ${mails} mails were sent twice: ${duplicates}`)
  }

  async #wait(address: string, words: string, count: number): Promise<Arrived[]> {
    const deadline = performance.now() + MAIL_MS
    let arrived = this.#to(address, words)
    while (arrived.length < count && performance.now() < deadline) {
      await sleep(50)
      arrived = this.#to(address, words)
    }
    return arrived
  }

  #to(address: string, words: string): Arrived[] {
    for (; this.#read < this.#sink.mails.length; this.#read += 1) {
      const mail = this.#sink.mails[this.#read]
      for (const to of mail?.to ?? []) {
        const arrived = this.#byAddress.get(to) ?? []
        arrived.push({ id: String(mail?.parsed.messageId), text: mail?.parsed.text ?? '' })
        this.#byAddress.set(to, arrived)
      }
    }
    return (this.#byAddress.get(address) ?? []).filter(({ text }) => text.includes(words))
  }
}
