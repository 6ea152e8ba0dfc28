/** Sends through an SMTP server. Every wait is bounded; what fails is tried again by the outbox, never here. */
import { createTransport, type SMTPPoolOptions, type Transporter } from 'nodemailer'
import { toMailError } from './smtp-errors.ts'
import type { MailTransport, OutgoingMail } from './transport.ts'

export interface SmtpOptions {
  /**
   * `smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`.
   * `?requireTLS=true` refuses a server without STARTTLS; with a password that is the default except on loopback.
   */
  url: string
  /** `Name <address>` or an address */
  from: string
  timeouts?: Partial<SmtpTimeouts>
}

/** milliseconds */
export interface SmtpTimeouts {
  connection: number
  greeting: number
  /** silence of the server in the middle of a conversation */
  socket: number
  /** one mail from beginning to end; stops a server that trickles. Less than the outbox' lease. */
  total: number
}

const TIMEOUTS: SmtpTimeouts = { connection: 5000, greeting: 5000, socket: 15_000, total: 60_000 }
const POOL_SIZE = 2
const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

function poolOptions(options: SmtpOptions, timeouts: SmtpTimeouts): SMTPPoolOptions & { pool: true } {
  const url = new URL(options.url)
  if (url.protocol !== 'smtp:' && url.protocol !== 'smtps:')
    throw new TypeError('an SMTP URL begins with smtp:// or smtps://')
  const secure = url.protocol === 'smtps:'
  const user = decodeURIComponent(url.username)
  const wanted = url.searchParams.get('requireTLS')
  const requireTLS = wanted === null ? user !== '' && !LOOPBACK.test(url.hostname) : wanted === 'true'
  return {
    pool: true,
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTLS: requireTLS && !secure,
    ignoreTLS: url.searchParams.get('ignoreTLS') === 'true',
    ...(user === '' ? {} : { auth: { user, pass: decodeURIComponent(url.password) } }),
    connectionTimeout: timeouts.connection,
    dnsTimeout: timeouts.connection,
    greetingTimeout: timeouts.greeting,
    socketTimeout: timeouts.socket,
    maxConnections: POOL_SIZE,
    // after a lost connection the outbox decides; a repeat from here could be a second mail
    maxRequeues: 0,
    // the mail comes from templates and people's names: nothing in it may name a file or an address to load
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

export class SmtpTransport implements MailTransport {
  readonly #from: string
  readonly #domain: string
  readonly #timeouts: SmtpTimeouts
  readonly #pool: Transporter
  readonly #closed = new AbortController()

  constructor(options: SmtpOptions) {
    this.#from = options.from
    this.#domain = /@([^\s<>@]+?)>?\s*$/.exec(options.from)?.[1] ?? ''
    if (this.#domain === '') throw new TypeError('the sender of mails has to be an e-mail address')
    this.#timeouts = { ...TIMEOUTS, ...options.timeouts }
    this.#pool = createTransport(poolOptions(options, this.#timeouts))
    // an idle connection that breaks concerns nobody: the next mail opens another
    this.#pool.on('error', () => {})
  }

  async send(message: OutgoingMail): Promise<void> {
    try {
      await this.#pool.sendMail({
        from: this.#from,
        // an object is one address whatever it holds; a string would be read as a list
        to: { name: '', address: message.to },
        subject: message.subject,
        text: message.text,
        html: message.html,
        ...(message.id ? { messageId: `<${message.id}@${this.#domain}>` } : {}),
        // RFC 3834: nobody's holiday notice should answer
        headers: { 'Auto-Submitted': 'auto-generated' },
        signal: AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#timeouts.total)]),
      })
    } catch (error) {
      throw toMailError(error)
    }
  }

  async health(): Promise<boolean> {
    try {
      await this.verify()
      return true
    } catch {
      return false
    }
  }

  /** Connects, encrypts and signs in as for a mail, and sends none. Throws `MailError`. */
  async verify(): Promise<void> {
    try {
      await this.#pool.verify()
    } catch (error) {
      throw toMailError(error)
    }
  }

  async close(): Promise<void> {
    this.#closed.abort()
    this.#pool.close()
  }
}
