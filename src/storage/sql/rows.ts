/** Between rows and the domain: null and undefined, JSON, text that Postgres cannot hold. */

export function orUndefined<T>(value: T | null): T | undefined {
  return value === null ? undefined : value
}

export function orNull<T>(value: T | undefined): T | null {
  return value === undefined ? null : value
}

/** Drops members that are null, so that what is absent in the table is absent in the object. */
export function present<T extends object>(row: { [K in keyof T]: T[K] | null }): T {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null)) as T
}

/** jsonb is written as text: drivers would make a Postgres array of a JavaScript array. */
export function toJson(value: unknown): string {
  return JSON.stringify(value)
}

/** Whether a `text` column can hold it; a look-up by anything else has no answer, and is no error. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Foreign text made storable, for records that must be written whatever it holds. */
export function cleaned(text: string, maxLength = 1_000): string {
  return text.replaceAll('\0', '\u2400').toWellFormed().slice(0, maxLength).toWellFormed()
}

/** SQLSTATE of a database error. */
export function sqlState(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined
  return typeof code === 'string' ? code : undefined
}

export const SQLSTATE = {
  foreignKey: '23503',
  unique: '23505',
  deadlock: '40P01',
  /** of our own: the database would be without an owner */
  lastOwner: 'OS001',
  /** an escape such as \u0000 that the text type cannot hold */
  untranslatable: '22P05',
  invalidText: '22P02',
} as const
