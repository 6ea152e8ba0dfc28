/** Every sealed column that lasts: a new data key seals them anew. Sealed payloads of artifacts run out by themselves. */
export interface SealedColumn {
  table: string
  /** the row's key, of type text */
  key: string
  column: string
}

export const SIGNING_KEY: SealedColumn = { table: 'signing_keys', key: 'kid', column: 'sealed' }

export const AUDIT_KEY: SealedColumn = { table: 'audit_keys', key: 'kid', column: 'sealed' }

export const DEPLOYMENT_SECRET: SealedColumn = { table: 'deployment_secrets', key: 'name', column: 'sealed' }

export const AUDIT_PERSON_KEY: SealedColumn = { table: 'audit_person_keys', key: 'id', column: 'sealed' }

export const WEBHOOK_SECRET: SealedColumn = { table: 'webhooks', key: 'id', column: 'sealed' }

export const SEALED_COLUMNS: readonly SealedColumn[] = [
  SIGNING_KEY,
  AUDIT_KEY,
  DEPLOYMENT_SECRET,
  AUDIT_PERSON_KEY,
  WEBHOOK_SECRET,
]

/** What a sealed value is bound to. */
export function placeOf({ table, column }: SealedColumn, key: string): string {
  return `${table}.${column}:${key}`
}
