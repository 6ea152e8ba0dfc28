/** Rows of artifacts, found through the loader and remembered by the unit at hand. */
import type { ArtifactModel, ArtifactPayload } from '../artifact-store.ts'
import { ARTIFACT_MODELS } from '../artifact-store.ts'
import type { AtRest } from '../at-rest.ts'
import { decodePayload } from './artifact-payload.ts'
import { lookupSql } from './artifact-sql.ts'
import type { Loader, Lookup } from './loader.ts'

/** As `lookupSql` selects it; `id` is the key the row is stored under. */
export interface ArtifactRow {
  id: Buffer
  /** JSON, sealed where the model is */
  payload: string
  consumed_at: Date | null
  /** null: never expires */
  seconds_left: number | null
  successor: Buffer | null
  /** Session: the key of its family */
  uid: Buffer | null
  /** Session of an account: JSON, of all ids of its family */
  authorizations: string | null
}

type By = 'id' | 'uid' | 'user_code'

const BY_ID = Object.fromEntries(
  ARTIFACT_MODELS.map((model) => [model, lookup(`find.${model}`, lookupSql(model))]),
) as Record<ArtifactModel, Lookup<ArtifactRow>>
const BY_UID = lookup('find.Session.uid', lookupSql('Session', 'uid'))
const BY_USER_CODE = lookup('find.DeviceCode.user_code', lookupSql('DeviceCode', 'user_code'))

function lookup(name: string, text: string): Lookup<ArtifactRow> {
  return { name, text }
}

export class ArtifactRows {
  readonly #loader: Loader
  readonly #atRest: AtRest

  constructor(loader: Loader, atRest: AtRest) {
    this.#loader = loader
    this.#atRest = atRest
  }

  /** The row under whichever of the valid keys it was written. */
  async find(model: ArtifactModel, keys: readonly Buffer[], by: By = 'id'): Promise<ArtifactRow | undefined> {
    const lookup = by === 'id' ? BY_ID[model] : by === 'uid' ? BY_UID : BY_USER_CODE
    const [key] = keys
    if (keys.length === 1 && key) return this.#loader.load(lookup, key)
    const rows = await Promise.all(keys.map((it) => this.#loader.load(lookup, it)))
    return rows.find((row) => row !== undefined)
  }

  /** A fresh object each time: the engine changes what it is given. */
  payloadOf(model: ArtifactModel, row: ArtifactRow): ArtifactPayload {
    const payload = decodePayload(this.#atRest, model, row)
    if (row.authorizations !== null) payload.authorizations = JSON.parse(row.authorizations)
    return payload
  }
}
