/** What holds for every answer whatever was sent: nothing of the inside shows, and pages carry their armour. */
import { expect } from 'chai'
import type { RawAnswer } from './raw-http.ts'

/** Stack frames, source files, statements, drivers' words, folders of this machine. */
const INSIDES =
  /^\s*at \S+|\bat (?:async )?[\w.<>]+ \(|\.ts:\d|\.js:\d|node:internal|node_modules|\/src\/|\/work\/|\bselect .+ from\b|\binsert into\b|\bupdate .+ set\b|\bdelete from\b|\bsyntax error\b|\bduplicate key\b|\b(?:knex|pglite|ioredis|argon2)\b|ECONN\w+|TypeError|RangeError|SyntaxError/im

export function expectNoInsides(answer: RawAnswer, what: string): void {
  const found = INSIDES.exec(answer.text)
  expect(found?.[0], `${what}: ${answer.text.slice(0, 300)}`).to.equal(undefined)
  const headers = Object.entries(answer.headers).filter(([name]) => name !== 'content-security-policy')
  expect(INSIDES.exec(JSON.stringify(headers))?.[0], `${what}: headers`).to.equal(undefined)
}

export function expectArmour({ headers }: RawAnswer, what: string): void {
  expect(headers['x-content-type-options'], `${what}: nosniff`).to.equal('nosniff')
  if (!headers['content-type']?.startsWith('text/html')) return
  expect(headers['content-security-policy'], `${what}: CSP`)
    .to.include("default-src 'none'")
    .and.include("frame-ancestors 'none'")
    .and.not.include('unsafe')
  expect(headers['x-frame-options'], `${what}: frames`).to.equal('DENY')
  expect(headers['cache-control'], `${what}: caching`).to.include('no-store')
  expect(headers['referrer-policy'], `${what}: referrer`).to.equal('no-referrer')
}

/** A refusal: the client's fault, said without a word about the inside. */
export function expectRefused(answer: RawAnswer, what: string, status?: number): void {
  const said = `${what}: ${answer.status} ${answer.text.slice(0, 200)}`
  if (status === undefined) expect(answer.status, said).to.be.within(400, 499)
  else expect(answer.status, said).to.equal(status)
  expectSound(answer, what)
}

/** Whatever it is, it is no fault of ours and shows nothing. */
export function expectSound(answer: RawAnswer, what: string): void {
  expect(answer.status, `${what}: ${answer.text.slice(0, 200)}`).to.be.below(500)
  // Node refuses what is no HTTP before we see it: no body, no headers of ours.
  if (answer.text === '' && answer.headers['x-request-id'] === undefined) return
  expectNoInsides(answer, what)
  expectArmour(answer, what)
}
