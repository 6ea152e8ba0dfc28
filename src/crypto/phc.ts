/**
 * The PHC string of an argon2id hash. Which pepper was used stands in `keyid`, the parameter the format has for it:
 * `$argon2id$v=19$m=47104,t=2,p=1,keyid=Qx3V1g$salt$hash`. A string without it was made elsewhere, without a pepper.
 */

/** of the hash itself, whatever it costs to make */
export const HASH_BYTES = 32

export interface Argon2Parameters {
  /** KiB */
  memory: number
  passes: number
  lanes: number
}

export interface ParsedPhc extends Argon2Parameters {
  keyId: string | undefined
  /** the string without `keyid`, as every argon2 library reads it */
  plain: string
}

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,10}),t=(\d{1,10}),p=(\d{1,3})(?:,keyid=([A-Za-z0-9+/]{1,11}))?(\$[A-Za-z0-9+/]+\$[A-Za-z0-9+/]+)$/

export function parsePhc(phc: string): ParsedPhc | undefined {
  const [, m, t, p, keyId, rest] = PHC.exec(phc) ?? []
  if (rest === undefined) return undefined
  const parameters = { memory: Number(m), passes: Number(t), lanes: Number(p) }
  return { ...parameters, keyId, plain: `${prefixOf(parameters)}${rest}` }
}

export function prefixOf({ memory, passes, lanes }: Argon2Parameters): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${lanes}`
}

/** Writes the pepper's id into a string that has none. */
export function withKeyId(phc: string, keyId: string): string {
  return phc.replace(/^(\$argon2id\$v=19\$[^$]+)/, `$1,keyid=${keyId}`)
}
