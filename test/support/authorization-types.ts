/** The types of authorization details (RFC 9396) that tests ask for, in a file as an administrator writes it. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const PAYMENTS = 'https://payments.example.org'
export const LEDGER = 'https://ledger.example.org/api'

const example = JSON.parse(
  readFileSync(new URL('../../config/authorization-details.example.json', import.meta.url), 'utf8'),
)
const text = (more = {}) => ({ type: 'string', ...more })

export const TYPES = [
  ...example.types,
  {
    type: 'account_information',
    title: 'Accounts',
    template: 'read {{what}} until {{until | date}}',
    ask: 'session',
    self_registered: true,
    schema: {
      type: 'object',
      properties: { what: text(), until: text({ format: 'date' }), limit: { type: 'integer', minimum: 1 } },
      required: ['what', 'until'],
    },
  },
  {
    type: 'retired',
    title: 'Retired',
    template: 'nothing',
    status: 'disabled',
    schema: { type: 'object', properties: {} },
  },
]

export const PAYMENT = {
  type: 'payment_initiation',
  actions: ['initiate'],
  locations: [PAYMENTS],
  instructedAmount: { amount: '1234.50', currency: 'EUR' },
  creditorName: 'Merchant A',
  creditorAccount: { iban: 'DE02100100109307118603' },
  reference: 'Invoice 7',
}
export const ACCOUNTS = { type: 'account_information', what: 'balances', until: '2026-12-24' }

/** Writes a file of types into a folder of its own. */
export function typesFile(types: unknown = TYPES): { path: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-types-'))
  const path = join(folder, 'types.json')
  writeFileSync(path, JSON.stringify({ types }))
  return { path, remove: () => rmSync(folder, { recursive: true }) }
}
