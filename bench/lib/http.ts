/** The load's side of HTTP: kept-alive connections to one loopback port, one request at a time for each worker. */
import { Agent, request } from 'node:http'

export interface Answer {
  status: number
  text: string
}

export interface Call {
  method: 'GET' | 'POST'
  path: string
  headers?: Record<string, string>
  /** sent as application/x-www-form-urlencoded */
  form?: Record<string, string>
}

const PATIENCE_MS = 10_000

export class Connection {
  readonly #agent: Agent
  readonly #url: URL

  constructor(origin: string, workers: number) {
    this.#url = new URL(origin)
    if (!['localhost', '127.0.0.1'].includes(this.#url.hostname))
      throw new Error('the benchmark sends load to this machine only')
    this.#agent = new Agent({ keepAlive: true, maxSockets: workers })
  }

  async send({ method, path, headers = {}, form }: Call): Promise<Answer> {
    const body = form && new URLSearchParams(form).toString()
    return await new Promise((resolve, reject) => {
      const sent = request(
        {
          agent: this.#agent,
          host: '127.0.0.1',
          port: this.#url.port,
          method,
          path,
          timeout: PATIENCE_MS,
          headers: {
            host: this.#url.host,
            ...headers,
            ...(body === undefined
              ? {}
              : {
                  'content-type': 'application/x-www-form-urlencoded',
                  'content-length': String(Buffer.byteLength(body)),
                }),
          },
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('error', reject)
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
          )
        },
      )
      sent.on('timeout', () => sent.destroy(new Error('no answer within 10 seconds')))
      sent.on('error', reject)
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

export function basic(id: string, secret: string): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}` }
}
