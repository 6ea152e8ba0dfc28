/** What stands in the database, compared with what the ledger was told. */
import type pg from 'pg'
import type { Ledger } from './ledger.ts'
import type { LedgerPerson } from './ledger-person.ts'

/** Writes a violation for each difference. The nonce of an authorization names its family of refresh tokens. */
export async function compareDatabase(
  database: pg.Client,
  people: readonly LedgerPerson[],
  ledger: Ledger,
): Promise<void> {
  await compareAccounts(database, people, ledger)
  await compareFamilies(database, ledger)
}

/** I2: an acknowledged account and consent are there. I1: and were made once. */
async function compareAccounts(database: pg.Client, people: readonly LedgerPerson[], ledger: Ledger) {
  const { rows } = await database.query<{
    email: string
    verified: boolean
    consents: number
    registered: number
  }>(`
    select u.email, u.email_verified as verified,
      (select count(*)::int from consents c where c.user_id = u.id and c.client_id = 'spa') as consents,
      (select count(*)::int from audit_events a where a.user_id = u.id and a.name = 'user.registered') as registered
    from users u`)
  const accounts = new Map(rows.map((row) => [row.email, row]))
  for (const person of people) {
    const account = accounts.get(person.email)
    if (person.account === 'acknowledged' && !account?.verified)
      ledger.violated('I2', person.item, account ? 'the address is not verified' : 'there is no such account')
    if (person.consented && account?.consents !== 1)
      ledger.violated(
        'I2',
        person.item,
        `${account?.consents ?? 0} consents stand where one was acknowledged`,
      )
    if (account && account.registered !== 1)
      ledger.violated('I1', person.item, `registered ${account.registered} times by the audit log`)
  }
}

/** I1: a code makes one family, and a family has one token that is good. */
async function compareFamilies(database: pg.Client, ledger: Ledger) {
  const { rows } = await database.query<{ nonce: string; first: number; live: number }>(`
    select payload ->> 'nonce' as nonce,
      count(*) filter (where coalesce((payload ->> 'rotations')::int, 0) = 0)::int as first,
      count(*) filter (where consumed_at is null and expires_at > now())::int as live
    from oidc_refresh_tokens group by 1`)
  for (const { nonce, first, live } of rows) {
    if (first > 1) ledger.violated('I1', `code ${nonce}`, `one code made ${first} families of refresh tokens`)
    if (live > 1) ledger.violated('I1', `family ${nonce}`, `${live} refresh tokens of one family are good`)
  }
}
