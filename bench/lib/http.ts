/** The load's side of HTTP: kept-alive connections to one loopback port, as a reverse proxy in front of it has them. */
import { Agent, type IncomingHttpHeaders, request } from 'node:http'

/** Where a server listens, and the name it is asked under. */
export interface Address {
  port: number
  /** an https issuer is reached through a proxy that ends TLS: it is named, not spoken */
  issuer: string
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  text: string
}

export interface Call {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  /** sent as application/x-www-form-urlencoded */
  form?: Record<string, string> | URLSearchParams
}

const PATIENCE_MS = 10_000

export class Connection {
  readonly address: Address
  readonly #agent: Agent
  readonly #proxied: Record<string, string>
  /** requests so far */
  sent = 0

  constructor(address: Address, workers: number) {
    const { host, protocol } = new URL(address.issuer)
    this.address = address
    this.#agent = new Agent({ keepAlive: true, maxSockets: workers })
    this.#proxied = { host, 'x-forwarded-proto': protocol.slice(0, -1), 'user-agent': 'Ostiary benchmark' }
  }

  async send({ method, path, headers = {}, form }: Call): Promise<Answer> {
    this.sent += 1
    const body = form && new URLSearchParams(form).toString()
    const content: Record<string, string> =
      body === undefined
        ? {}
        : {
            'content-type': 'application/x-www-form-urlencoded',
            'content-length': String(Buffer.byteLength(body)),
          }
    return await new Promise((resolve, reject) => {
      const sent = request(
        {
          agent: this.#agent,
          host: '127.0.0.1',
          port: this.address.port,
          method,
          path,
          timeout: PATIENCE_MS,
          headers: { ...this.#proxied, ...headers, ...content },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text: Buffer.concat(chunks).toString('utf8'),
            }),
          )
        },
      )
      sent.on('timeout', () => sent.destroy(new Error('no answer within 10 seconds')))
      sent.on('error', reject)
      sent.end(body)
    })
  }

  /** The JSON of a 200. @throws Error with what came instead */
  async json(call: Call): Promise<Record<string, unknown>> {
    const { status, text } = await this.send(call)
    if (status !== 200)
      throw new Error(`${call.method} ${call.path} answered ${status}: ${text.slice(0, 300)}`)
    return JSON.parse(text) as Record<string, unknown>
  }

  close(): void {
    this.#agent.destroy()
  }
}

export function basic(id: string, secret: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
}
