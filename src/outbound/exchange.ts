/**
 * One HTTP request to one address, and its whole answer. No name is looked up here: the socket goes to the address it
 * is given, TLS and `Host` are the URL's. Never follows a redirect, never keeps a connection, asks for no compression
 * (so that the limit is one of what is read).
 */
import { type IncomingMessage, type RequestOptions, request as requestPlain } from 'node:http'
import { request as requestTls } from 'node:https'
import { isIP } from 'node:net'
import { OutboundError } from './error.ts'

export interface Message {
  url: URL
  method: string
  headers: Headers
  body: string | undefined
  /** of the answer's body, in bytes */
  maxBytes: number
  signal: AbortSignal
}

/** Nothing listens there, or no way leads there: nothing was sent, another address may do. */
export class NotConnected extends Error {}

/**
 * Rejects with `NotConnected` when nothing was sent, `OutboundError` when the answer is too large, else with what the
 * socket says; when the signal says so, with its reason or an error of the same moment.
 */
export async function exchange(address: string, message: Message): Promise<Response> {
  const answer = await send(address, message)
  try {
    return responseOf(answer, await readBody(answer, message.maxBytes))
  } finally {
    answer.destroy()
  }
}

function send(address: string, { url, method, headers, body, signal }: Message): Promise<IncomingMessage> {
  const name = url.hostname.replace(/^\[|\]$/g, '')
  const options: RequestOptions & { servername?: string } = {
    agent: false,
    host: address,
    port: url.port || (url.protocol === 'https:' ? 443 : 80),
    method,
    path: url.pathname + url.search,
    headers: { ...Object.fromEntries(headers), host: url.host, 'accept-encoding': 'identity' },
    signal,
    // An address has no server name; its certificate must name the address.
    ...(url.protocol === 'https:' && !isIP(name) ? { servername: name } : {}),
  }
  return new Promise((resolve, reject) => {
    const request = url.protocol === 'https:' ? requestTls(options) : requestPlain(options)
    let connected = false
    request.once('socket', (socket) => socket.once('connect', () => (connected = true)))
    request.once('response', resolve)
    request.once('error', (error) =>
      reject(connected ? error : new NotConnected(error.message, { cause: error })),
    )
    // An answer of 101 is none, and ends the connection without an error: nothing else would ever be heard of it.
    request.once('close', () => reject(new Error('it hung up without an answer')))
    request.end(body)
  })
}

async function readBody(answer: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new OutboundError('too-large', `the answer is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const WITHOUT_BODY = [204, 205, 304]

function responseOf(answer: IncomingMessage, body: Buffer): Response {
  const headers = new Headers()
  const { rawHeaders: raw, statusCode: status = 0 } = answer
  for (let index = 0; index + 1 < raw.length; index += 2)
    headers.append(String(raw[index]), String(raw[index + 1]))
  return new Response(WITHOUT_BODY.includes(status) ? null : new Uint8Array(body), { status, headers })
}
