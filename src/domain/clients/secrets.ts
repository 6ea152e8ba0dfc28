/** A client's secrets: the one it has, and for a while the one before, so that it can change over without an outage. */
export const FORMER_DAYS = { least: 1, usual: 7, most: 90 } as const

export type SecretSlot = 'current' | 'former'

export interface ClientSecret {
  id: SecretSlot
  madeAt: Date
  /** undefined: no end */
  expiresAt: Date | undefined
  /** YYYY-MM-DD, by the database's clock; of the former one, since it was replaced. undefined: not that is known */
  lastUsedOn: string | undefined
}
