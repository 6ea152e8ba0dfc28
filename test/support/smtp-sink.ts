/** A real SMTP server on a loopback port that can be told to misbehave in the ways servers do. */
import PostalMime, { type Email } from 'postal-mime'
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'

export type SmtpMode =
  | 'ok'
  /** refuses the message for now (451) */
  | 'later'
  /** refuses the recipient for good (550), repeating the address as servers do */
  | 'never'
  /** takes the message and says nothing more */
  | 'stall'
  /** takes the message and hangs up before it answers */
  | 'drop'
  /** greets, and then refuses our sender for good (550) */
  | 'refuse-us'

export interface ReceivedMail {
  from: string
  to: string[]
  raw: string
  parsed: Email
}

export class SmtpSink {
  /** messages it took responsibility for */
  readonly mails: ReceivedMail[] = []
  mode: SmtpMode = 'ok'
  /** messages that arrived whole, whatever became of them */
  readonly arrivals: string[] = []
  /** milliseconds it thinks before it accepts */
  delay = 0
  /** messages it had in hand at once, at most */
  busiest = 0
  #inHand = 0
  #server: SMTPServer | undefined
  #port = 0

  get arrived(): number {
    return this.arrivals.length
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.#port}`
  }

  /** Listens; after `stop` on the same port. */
  async start(): Promise<this> {
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS', 'AUTH'],
      closeTimeout: 50,
      onMailFrom: (_address, _session, callback) => {
        callback(this.mode === 'refuse-us' ? refusal(550, '5.7.1 sender is not welcome') : null)
      },
      onRcptTo: ({ address }, _session, callback) => {
        callback(this.mode === 'never' ? refusal(550, `5.1.1 <${address}> no such user`) : null)
      },
      onData: (stream, session, callback) => {
        const { mailFrom, rcptTo } = session.envelope
        const from = mailFrom ? mailFrom.address : ''
        const to = rcptTo.map(({ address }) => address)
        void this.#receive(stream, { from, to }, callback)
      },
    })
    // dropped connections are what this is for
    server.on('error', () => {})
    await new Promise<void>((resolve, reject) => {
      server.server.once('error', reject)
      server.listen(this.#port, '127.0.0.1', () => resolve())
    })
    this.#port = (server.server.address() as { port: number }).port
    this.#server = server
    return this
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server) await new Promise<void>((resolve) => server.close(() => resolve()))
  }

  async #receive(
    stream: SMTPServerDataStream,
    envelope: { from: string; to: string[] },
    callback: (error?: Error | null) => void,
  ): Promise<void> {
    this.#inHand += 1
    this.busiest = Math.max(this.busiest, this.#inHand)
    const chunks: Buffer[] = []
    for await (const chunk of stream) chunks.push(chunk as Buffer)
    const raw = Buffer.concat(chunks).toString('utf8')
    this.arrivals.push(raw)
    if (this.delay > 0) await new Promise((resolve) => setTimeout(resolve, this.delay))
    this.#inHand -= 1
    if (this.mode === 'stall') return
    if (this.mode === 'drop') return this.#hangUp()
    if (this.mode === 'later') return callback(refusal(451, '4.7.1 try again later'))
    this.mails.push({ ...envelope, raw, parsed: await PostalMime.parse(raw) })
    callback(null)
  }

  #hangUp(): void {
    for (const connection of this.#server?.connections ?? []) {
      ;(connection as unknown as { _socket: { destroy(): void } })._socket.destroy()
    }
  }
}

function refusal(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}
