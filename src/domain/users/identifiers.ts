/**
 * How e-mail addresses and usernames are compared and what counts as one. The stored form keeps the person's own
 * spelling; the key is what must be unique.
 */

/** RFC 5321 4.5.3.1.3 allows 256 octets with the angle brackets, so 254 for the address. */
export const EMAIL_MAX_LENGTH = 254
export const USERNAME_MIN_LENGTH = 3
export const USERNAME_MAX_LENGTH = 32

/** One @, something on both sides, a dot in the domain, no spaces or control characters: what HTML forms accept. */
const EMAIL =
  /^[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]+@[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?)+$/u
/** ASCII only: look-alike letters of other alphabets would make two people indistinguishable. */
const USERNAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/

/** Lookup key: compatibility-normalised and lower-cased, so `A@Example.org` and `a@example.org` are one address. */
export function emailKey(email: string): string {
  return email.trim().normalize('NFKC').toLowerCase()
}

export function usernameKey(username: string): string {
  return username.trim().normalize('NFKC').toLowerCase()
}

/** `undefined` when fine, else the message code of what is wrong. */
export function emailProblem(email: string): 'required' | 'invalid_email' | 'email_too_long' | undefined {
  const value = email.trim()
  if (value === '') return 'required'
  if (Buffer.byteLength(value) > EMAIL_MAX_LENGTH) return 'email_too_long'
  // A form that changes under normalisation would be checked as one address and mailed as another.
  if (value.normalize('NFKC') !== value || !EMAIL.test(value)) return 'invalid_email'
  return undefined
}

export function usernameProblem(username: string): 'username_format' | undefined {
  const value = username.trim()
  const fits = value.length >= USERNAME_MIN_LENGTH && value.length <= USERNAME_MAX_LENGTH
  return fits && USERNAME.test(value) ? undefined : 'username_format'
}

/** People type either into one field; only an address has an @. */
export function looksLikeEmail(identifier: string): boolean {
  return identifier.includes('@')
}
