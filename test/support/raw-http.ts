/**
 * HTTP by hand, over a socket: what no client library would send (raw NUL bytes, `//path`, a foreign Host, a body
 * that never ends), and the answer as it came.
 */
import { connect } from 'node:net'

export interface RawRequest {
  method?: string
  /** request target exactly as it goes over the wire */
  target?: string
  /** `host` and `connection` are added unless given; an array sends a header several times */
  headers?: Record<string, string | string[]>
  body?: string | Buffer
}

export interface RawAnswer {
  status: number
  /** by lower-case name; repeated ones joined by a comma */
  headers: Record<string, string>
  text: string
}

const PATIENCE_MS = 20_000

/** @param origin which server to connect to; its host is the Host header unless one is given */
export function sendRaw(origin: string, request: RawRequest = {}): Promise<RawAnswer> {
  const { hostname, port, host } = new URL(origin)
  const bytes = toBytes(host, request)
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const settle = (error?: Error) => {
      socket.destroy()
      const answer = parse(Buffer.concat(chunks))
      // A server that refuses early may reset the connection while we still write; its answer counts.
      if (answer) resolve(answer)
      else reject(error ?? new Error(`no answer to ${request.method ?? 'GET'} ${request.target ?? '/'}`))
    }
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) }, () =>
      socket.write(bytes),
    )
    socket.setTimeout(PATIENCE_MS, () => settle(new Error('no answer in time')))
    socket.on('data', (chunk) => void chunks.push(chunk))
    socket.once('error', settle)
    socket.once('end', () => settle())
    socket.once('close', () => settle())
  })
}

/** A form with what `URLSearchParams` would never leave as it is. */
export function sendForm(
  origin: string,
  target: string,
  body: string | Buffer,
  headers: Record<string, string | string[]> = {},
): Promise<RawAnswer> {
  return sendRaw(origin, {
    method: 'POST',
    target,
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
  })
}

function toBytes(host: string, { method = 'GET', target = '/', headers = {}, body }: RawRequest): Buffer {
  const content = Buffer.isBuffer(body) ? body : Buffer.from(body ?? '')
  const own: Record<string, string | string[]> = { host, connection: 'close' }
  const hasLength = Object.keys(headers).some((name) =>
    ['content-length', 'transfer-encoding'].includes(name.toLowerCase()),
  )
  if (body !== undefined && !hasLength) own['content-length'] = String(content.length)
  const lines = Object.entries({ ...own, ...headers }).flatMap(([name, value]) =>
    [value].flat().map((entry) => `${name}: ${entry}`),
  )
  // latin1: each character of a header is one byte on the wire
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  return Buffer.concat([head, content])
}

function parse(bytes: Buffer): RawAnswer | undefined {
  const end = bytes.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [statusLine = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n')
  const headers: Record<string, string> = {}
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    headers[name] = name in headers ? `${headers[name]}, ${value}` : value
  }
  const content = bytes.subarray(end + 4)
  const whole = headers['transfer-encoding'] === 'chunked' ? unchunk(content) : content
  return { status: Number(statusLine.split(' ')[1]), headers, text: whole.toString('utf8') }
}

function unchunk(bytes: Buffer): Buffer {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const line = bytes.indexOf('\r\n', at)
    const size = line < 0 ? 0 : Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16)
    if (!(size > 0)) return Buffer.concat(parts)
    parts.push(bytes.subarray(line + 2, line + 2 + size))
    at = line + 2 + size + 2
  }
}
