/** Rows of artifacts, found through the loader and remembered by the unit at hand. */
import type { ArtifactModel, ArtifactPayload } from '../artifact-store.ts'
import { ARTIFACT_MODELS } from '../artifact-store.ts'
import type { AtRest } from '../at-rest.ts'
import { decodePayload } from './artifact-payload.ts'
import { artifactLookup } from './artifact-sql.ts'
import type { Found, Loader, Lookup } from './loader.ts'

/** `id` is the key the row is stored under, `authorizations` those of a session's whole family. */
export type ArtifactRow = Found & { id: Buffer }

type By = 'id' | 'uid' | 'user_code'

const BY_ID = Object.fromEntries(ARTIFACT_MODELS.map((model) => [model, artifactLookup(model)])) as Record<
  ArtifactModel,
  Lookup
>
const BY_UID = artifactLookup('Session', 'uid')
const BY_USER_CODE = artifactLookup('DeviceCode', 'user_code')

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
    const rows = await Promise.all(
      keys.map(async (key): Promise<ArtifactRow | undefined> => {
        const row = await this.#loader.load(lookup, key)
        return row && { ...row, id: row.id ?? key }
      }),
    )
    return rows.find((row) => row !== undefined)
  }

  /** A fresh object each time: the engine changes what it is given. */
  payloadOf(
    model: ArtifactModel,
    row: Pick<ArtifactRow, 'id' | 'payload' | 'consumed_at' | 'authorizations'>,
  ): ArtifactPayload {
    const payload = decodePayload(this.#atRest, model, row)
    if (row.authorizations !== null) payload.authorizations = JSON.parse(row.authorizations)
    return payload
  }
}
