/**
 * Load that keeps a ledger: people come, register, use an app and go, at so many requests a second, while the test does
 * its worst to what serves them. Afterwards `audit` compares every promise with the truth, over the protocol and in
 * the database.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { Ledger } from './ledger.ts'
import { compareDatabase } from './ledger-audit.ts'
import { MailReader } from './ledger-mail.ts'
import { ISSUER, type Nodes } from './ledger-nodes.ts'
import { LedgerPerson, type PersonDeps } from './ledger-person.ts'
import { Line, Traffic } from './ledger-traffic.ts'
import type { SmtpSink } from './smtp-sink.ts'

export interface LoadOptions {
  nodes: Nodes
  /** straight to the database, whatever stands between it and the nodes */
  databaseUrl: () => string
  sink: SmtpSink
  perSecond?: number
  /** people at once */
  people?: number
}

/** What a person does next, and how often of a hundred times. */
const ERRANDS: [share: number, errand: (person: LedgerPerson) => Promise<void> | void][] = [
  [38, (person) => each(person, 'refresh')],
  [6, async (person) => void (await person.grant?.refresh(oneOf(person.grant.families), true))],
  [24, (person) => each(person, 'userinfo')],
  [15, (person) => person.singleSignOn()],
  [3, (person) => person.singleSignOn(true)],
  [4, async (person) => void (await person.grant?.revoke(oneOf(person.grant.families)))],
  [4, (person) => person.signOut()],
  [2, (person) => person.changePassword()],
  [4, (person) => person.leave()],
]
/** errands until somebody else comes */
const STAY = 40
/** people whose password is tried at the end */
const SIGN_INS = 40

export class Load {
  readonly ledger = new Ledger()
  readonly traffic: Traffic
  readonly mail: MailReader
  readonly people: LedgerPerson[] = []
  readonly #options: LoadOptions
  readonly #actors: Promise<void>[] = []
  /** so that several loads may share a database */
  readonly #tag = randomBytes(3).toString('hex')
  #going = true
  #broken: unknown
  #windowed = false
  #started = 0
  #stopped = 0

  private constructor(options: LoadOptions) {
    this.#options = options
    this.traffic = new Traffic({
      issuer: ISSUER,
      ports: () => options.nodes.ports,
      perSecond: options.perSecond ?? 50,
    })
    this.mail = new MailReader(options.sink)
  }

  /** Begins at once; resolves when the first people have their tokens. */
  static async start(options: LoadOptions): Promise<Load> {
    const load = new Load(options)
    load.#windowed = await load.#hasWindow()
    load.#started = performance.now()
    for (let index = 0; index < (options.people ?? 12); index += 1) load.#actors.push(load.#actor())
    while (load.people.filter(({ account }) => account === 'acknowledged').length < 3) {
      if (!load.#going) await load.stop()
      await sleep(100)
    }
    return load
  }

  get windowed(): boolean {
    return this.#windowed
  }

  /** Ends the load; what was begun is finished. */
  async stop(): Promise<void> {
    this.#going = false
    await Promise.all(this.#actors)
    this.#stopped = performance.now()
    if (this.#broken) throw this.#broken
  }

  /**
   * Compares every promise with the truth, after `stop`.
   * @throws with every violation and its history
   */
  async audit(): Promise<string> {
    const { ledger, traffic } = this
    const summary = this.summary()
    const database = new pg.Client({ connectionString: this.#options.databaseUrl() })
    await database.connect()
    try {
      await this.#mailsDelivered(database)
      this.mail.check(ledger)
      await this.#checkPeople()
      await compareDatabase(database, this.people, ledger)
    } finally {
      await database.end()
    }
    for (const fault of traffic.faults) ledger.violated('I7', 'answers', fault)
    for (const line of this.#options.nodes.takeServerErrors()) ledger.violated('I7', 'logs', line)
    ledger.assertClean()
    return summary
  }

  /** One paragraph of figures. */
  summary(): string {
    const { sent, failed, givenUp } = this.traffic.count
    const seconds = ((this.#stopped || performance.now()) - this.#started) / 1000
    const acknowledged = [...this.ledger.acknowledged].map(([kind, count]) => `${kind} ${count}`).join(', ')
    const { mails, duplicates } = this.mail.duplicates()
    return (
      `${sent} requests in ${seconds.toFixed(0)} s (${(sent / seconds).toFixed(1)}/s), ${failed} tries failed, ` +
      `${givenUp} given up after the second; acknowledged: ${acknowledged}; ` +
      `${mails} mails, ${duplicates.length} twice; refresh window ${this.#windowed ? 'on' : 'off'}`
    )
  }

  /** A mistake of this client's own ends the load; `stop` throws it. */
  async #actor(): Promise<void> {
    try {
      await this.#act()
    } catch (error) {
      this.#going = false
      this.#broken ??= error
    }
  }

  async #act(): Promise<void> {
    while (this.#going) {
      const person = this.#newcomer()
      await person.register()
      for (let errands = 0; this.#going && errands < STAY; errands += 1) {
        // registered at all? a lost answer is settled by the audit
        if (person.account !== 'acknowledged') break
        if (!person.signedIn || !person.grant?.families.length) await person.signIn()
        else if (person.grant.ended) await person.singleSignOn()
        else await this.#errand()(person)
      }
    }
  }

  #errand() {
    let draw = Math.random() * 100
    for (const [share, errand] of ERRANDS) {
      draw -= share
      if (draw < 0) return errand
    }
    return ERRANDS[0]?.[1] as (person: LedgerPerson) => Promise<void>
  }

  #newcomer(): LedgerPerson {
    const number = this.people.length + 1
    const address = `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
    const deps: PersonDeps = { ledger: this.ledger, mail: this.mail, windowed: this.#windowed }
    const person = new LedgerPerson(
      `${this.#tag}-${number}@example.org`,
      new Line(this.traffic, address),
      deps,
    )
    this.people.push(person)
    return person
  }

  /** Whether a refresh token presented again at once is answered with the same successor. */
  async #hasWindow(): Promise<boolean> {
    const probe = this.#newcomer()
    await probe.register()
    const family = probe.grant?.families[0]
    if (!family)
      throw new Error(`the first person could not register:\n    ${this.ledger.history(probe.item)}`)
    const line = new Line(this.traffic, '10.255.255.255')
    const form = { grant_type: 'refresh_token', client_id: 'spa', refresh_token: family.current }
    const [first, again] = [
      await line.send('POST', '/token', { form }),
      await line.send('POST', '/token', { form }),
    ]
    probe.grant?.doubt()
    return again.status === 200 && again.json.refresh_token === first.json.refresh_token
  }

  /**
   * A mail in the hands of a process that was killed waits for its lease to run out (two minutes). That clock is moved
   * on here; that nothing is lost and nothing comes twice is what is looked at.
   */
  async #mailsDelivered(database: pg.Client): Promise<void> {
    const deadline = performance.now() + 60_000
    while (this.mail.missing().length > 0 && performance.now() < deadline) {
      await database.query('update outbox set leased_until = now(), due_at = now() where dead_at is null')
      await sleep(2500)
    }
  }

  async #checkPeople(): Promise<void> {
    const known = this.people.filter(({ account }) => account === 'acknowledged')
    this.traffic.perSecond = 200
    await together(this.people, 8, (person) => person.check())
    const step = Math.max(1, Math.floor(known.length / SIGN_INS))
    await together(
      known.filter((_, index) => index % step === 0),
      4,
      (person) => person.signIn(),
    )
  }
}

async function each(person: LedgerPerson, what: 'refresh' | 'userinfo'): Promise<void> {
  const { grant } = person
  if (grant) await grant[what](oneOf(grant.families))
}

function oneOf<T>(list: readonly T[]): T {
  return list[Math.floor(Math.random() * list.length)] as T
}

async function together<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items]
  const worker = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: width }, worker))
}
