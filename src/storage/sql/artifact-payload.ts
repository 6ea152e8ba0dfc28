/** An artifact's payload on its way to a jsonb column and back: without its id, sealed where it holds secrets. */
import type { ArtifactModel, ArtifactPayload } from '../artifact-store.ts'
import type { AtRest } from '../at-rest.ts'
import { UnstorableError } from '../faults.ts'
import { MODELS } from './artifact-models.ts'
import { orNull } from './rows.ts'

/** The payload cannot be stored as it is: the request it came from is at fault, not the store. */
export class InvalidArtifactError extends UnstorableError {
  override readonly name = 'InvalidArtifactError'
}

/** As JSON writes a NUL, and half of a surrogate pair: an odd number of backslashes before the u. */
const UNSTORABLE_ESCAPE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f])/

/** @throws InvalidArtifactError for what no jsonb can hold: found out here, it costs no neighbour in a commit */
export function storableJson(value: unknown): string {
  const json = JSON.stringify(value)
  if (UNSTORABLE_ESCAPE.test(json))
    throw new InvalidArtifactError('a value holds a NUL byte or no valid Unicode, which cannot be stored')
  return json
}

export function encodePayload(atRest: AtRest, model: ArtifactModel, id: Buffer, payload: ArtifactPayload) {
  const { jti, consumed: _, ...rest } = payload
  const { sealed } = MODELS[model]
  const json = storableJson(sealed ? { jti, ...rest } : rest)
  if (!sealed) return json
  return JSON.stringify({ sealed: atRest.seal(place(model, id), json).toString('base64') })
}

/** What stands in a column of its own, to be found or revoked by. */
export function columnValue(
  atRest: AtRest,
  model: ArtifactModel,
  column: string,
  payload: ArtifactPayload,
  hashed: { grant: Buffer | null; family: Buffer | undefined },
) {
  const { accountOf, clientOf } = MODELS[model]
  const hash = (kind: string, id: string | undefined) => (id === undefined ? null : atRest.hashId(kind, id))
  switch (column) {
    case 'grant_id':
      return hashed.grant
    case 'account_id':
      return orNull(accountOf?.(payload))
    case 'client_id':
      return orNull(clientOf?.(payload))
    case 'uid':
      return hashed.family ?? hash('Session.uid', payload.uid)
    default:
      return hash('DeviceCode.userCode', payload.userCode)
  }
}

/** @param row `payload` is the column's JSON text */
export function decodePayload(
  atRest: AtRest,
  model: ArtifactModel,
  row: { id: Buffer; payload: string; consumed_at: Date | null },
): ArtifactPayload {
  const stored = JSON.parse(row.payload)
  const payload: ArtifactPayload = MODELS[model].sealed
    ? JSON.parse(atRest.open(place(model, row.id), Buffer.from(stored.sealed, 'base64')))
    : stored
  if (row.consumed_at) payload.consumed = Math.floor(row.consumed_at.getTime() / 1000)
  return payload
}

function place(model: ArtifactModel, id: Buffer): string {
  return `${MODELS[model].table}.payload:${id.toString('hex')}`
}
