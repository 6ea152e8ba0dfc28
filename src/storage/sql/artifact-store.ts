/**
 * The engine's artifacts in SQL. Ids never reach the database, only keyed hashes of them. Whatever may happen once is
 * decided by one statement (`commit-sql.ts`), and every finder goes by the database's clock.
 */
import {
  type ArtifactModel,
  type ArtifactPayload,
  type ArtifactStore,
  ParentGoneError,
  type UpsertOptions,
} from '../artifact-store.ts'
import type { AtRest } from '../at-rest.ts'
import { openUnder, sealUnder } from '../successor.ts'
import { UnitLost } from '../unit-of-work.ts'
import { SqlAccess } from './access.ts'
import { MODELS } from './artifact-models.ts'
import { columnValue, encodePayload } from './artifact-payload.ts'
import { type ArtifactRow, ArtifactRows } from './artifact-rows.ts'
import * as sql from './artifact-sql.ts'
import type { SqlConnection } from './connection.ts'
import type { Loader } from './loader.ts'
import { purge } from './purge.ts'
import { orNull } from './rows.ts'
import { familyOf, isOnlyUsed, isSameSession } from './session-family.ts'
import type { Units } from './unit.ts'
import type { Write } from './writes.ts'

export interface ArtifactStoreDeps {
  connection: SqlConnection
  atRest: AtRest
  loader: Loader
  units: Units
  /** told of accounts the engine is about to ask for */
  foreseeAccount?: (accountId: string) => void
}

/** Ids that follow each other within seconds: a browser with so many tabs waiting for one person. */
const MAX_ROTATIONS = 32

export class SqlArtifactStore implements ArtifactStore {
  readonly #deps: ArtifactStoreDeps
  readonly #rows: ArtifactRows
  readonly #access: SqlAccess

  constructor(deps: ArtifactStoreDeps) {
    this.#deps = deps
    this.#rows = new ArtifactRows(deps.loader, deps.atRest)
    this.#access = new SqlAccess(deps.connection.knex)
  }

  async upsert(
    model: ArtifactModel,
    id: string,
    payload: ArtifactPayload,
    ttlSeconds: number | undefined,
    { replaceAuthorizations: replace = false }: UpsertOptions = {},
  ): Promise<void> {
    const before = await this.#remembered(model, id)
    const grantId = payload.grantId ?? payload.under?.grantId
    const grant = grantId === undefined ? null : await this.#grantKey(grantId)
    const ttl = orNull(ttlSeconds)
    const family = model === 'Session' ? await this.#family(payload, before, ttl, replace) : undefined
    const stored = family ? { ...payload, authorizations: undefined } : payload
    if (family && before && !replace && this.#isUnchanged(before, payload, ttl))
      return this.#deps.units.write({ kind: 'guard', uid: family.uid })
    const key = before?.id ?? this.#deps.atRest.hashId(model, id)
    const json = encodePayload(this.#deps.atRest, model, key, { ...stored, jti: id })
    const extra = sql
      .extraColumns(model)
      .map((column) => columnValue(this.#deps.atRest, model, column, payload, { grant, family: family?.uid }))
    const put: Write = { kind: 'put', model, id: key, payload: json, ttl, extra }
    await this.#write(...(family ? [family] : []), put)
    this.#deps.units.current?.remember(nameOf(model, id), {
      id: key,
      payload: json,
      consumed_at: before?.consumed_at ?? null,
      seconds_left: ttl,
      successor: null,
      uid: family?.uid ?? null,
      authorizations: family?.authorizations ?? null,
    } satisfies ArtifactRow)
  }

  async find(model: ArtifactModel, id: string): Promise<ArtifactPayload | undefined> {
    let presented = id
    for (let rotations = 0; rotations <= MAX_ROTATIONS; rotations += 1) {
      const row = await this.#row(model, presented)
      if (!row) return undefined
      if (model !== 'Session' || row.successor === null) {
        const payload = { ...this.#rows.payloadOf(model, row), jti: presented }
        if (payload.uid && row.uid) this.#deps.units.current?.remember(`family\0${payload.uid}`, row)
        this.#foresee(model, payload)
        return payload
      }
      presented = openUnder(presented, model, row.successor)
    }
    return undefined
  }

  async findByUid(uid: string): Promise<ArtifactPayload | undefined> {
    const row = await this.#once(`Session.uid\0${uid}`, () =>
      this.#rows.find('Session', this.#uidKeys(uid), 'uid'),
    )
    return row && this.#rows.payloadOf('Session', row)
  }

  async findByUserCode(userCode: string): Promise<ArtifactPayload | undefined> {
    const keys = this.#deps.atRest.idHashes('DeviceCode.userCode', userCode)
    const row = await this.#rows.find('DeviceCode', keys, 'user_code')
    return row && this.#rows.payloadOf('DeviceCode', row)
  }

  async findSessionsByAccount(accountId: string): Promise<ArtifactPayload[]> {
    const { rows } = await this.#deps.connection.query<SessionRow>({
      name: 'find.Session.account',
      text: sql.FIND_BY_ACCOUNT_SQL,
      values: [accountId],
    })
    return rows.map((row) => this.#rows.payloadOf('Session', row))
  }

  consume(model: ArtifactModel, id: string): Promise<boolean> {
    return this.#use(model, id, null)
  }

  consumeFor(model: 'RefreshToken', id: string, successor: string): Promise<boolean> {
    return this.#use(model, id, sealUnder(id, model, successor))
  }

  async successorOf(model: 'RefreshToken', id: string, withinSeconds: number): Promise<string | undefined> {
    const { rows } = await this.#deps.connection.query<{ successor: Buffer }>({
      name: `successor.${model}`,
      text: `select successor from ${MODELS[model].table} where id = any($1::bytea[]) and successor is not null
        and consumed_at > now() - make_interval(secs => $2::float8)`,
      values: [this.#keys(model, id), withinSeconds],
    })
    const [row] = rows
    return row && openUnder(id, model, row.successor)
  }

  async claim(model: 'ReplayDetection', id: string, ttlSeconds: number): Promise<boolean> {
    // Under every key that somebody may have claimed it under: a change of keys gives no second use.
    const payloadOf = (key: Buffer) => encodePayload(this.#deps.atRest, model, key, {})
    const claims = this.#keys(model, id).map(
      (key): Write => ({ kind: 'claim', model, id: key, payload: payloadOf(key), ttl: ttlSeconds }),
    )
    return this.#won(...claims)
  }

  async take(model: 'RegistrationAccessToken', id: string): Promise<boolean> {
    const before = await this.#remembered(model, id)
    const keys = before ? [before.id] : this.#keys(model, id)
    const won = await this.#won(...keys.map((key): Write => ({ kind: 'take', model, id: key })))
    this.#deps.units.current?.remember(nameOf(model, id), undefined)
    return won
  }

  async destroy(model: ArtifactModel, id: string): Promise<void> {
    const before = await this.#remembered(model, id)
    const keys = before ? [before.id] : this.#keys(model, id)
    await this.#deps.units.write(...keys.map((key): Write => ({ kind: 'destroy', model, id: key })))
    this.#deps.units.current?.remember(nameOf(model, id), undefined)
  }

  async rotateSession(oldId: string, newId: string): Promise<void> {
    const successor = sealUnder(oldId, 'Session', newId)
    const keys = this.#keys('Session', oldId)
    await this.#deps.units.write(
      ...keys.map((key): Write => ({ kind: 'rotate', model: 'Session', id: key, successor })),
    )
    this.#deps.units.current?.forget(nameOf('Session', oldId))
  }

  withdraw(model: ArtifactModel, id: string): void {
    const unit = this.#deps.units.current
    if (!unit) return
    for (const key of this.#keys(model, id)) unit.withdraw(`${model}:${key.toString('latin1')}`)
    unit.forget(nameOf(model, id))
  }

  async revokeByGrantId(model: ArtifactModel, grantId: string): Promise<void> {
    if (!MODELS[model].underGrant) return
    const keys = this.#keys('Grant', grantId)
    await this.#deps.units.write(...keys.map((grant): Write => ({ kind: 'revoke', model, grant })))
  }

  async endSession(uid: string): Promise<void> {
    for (const key of this.#uidKeys(uid)) await this.#access.endFamily(key)
  }

  purgeExpired(batchSize: number): Promise<number> {
    return purge(this.#deps.connection, sql.PURGED, batchSize)
  }

  #row(model: ArtifactModel, id: string): Promise<ArtifactRow | undefined> {
    return this.#once(nameOf(model, id), () => this.#rows.find(model, this.#keys(model, id)))
  }

  /** The row as this request knows it; not worth a look-up of its own. */
  async #remembered(model: ArtifactModel, id: string): Promise<ArtifactRow | undefined> {
    return this.#deps.units.current?.known<ArtifactRow>(nameOf(model, id))
  }

  #once<T>(name: string, read: () => Promise<T>): Promise<T> {
    return this.#deps.units.current?.once(name, read) ?? read()
  }

  /** What the engine asks for next after a token: its grant, its account, its session. */
  #foresee(model: ArtifactModel, payload: ArtifactPayload): void {
    if (!MODELS[model].underGrant || !this.#deps.units.current) return
    const { grantId, accountId, sessionUid, expiresWithSession } = payload
    if (grantId) void this.#row('Grant', grantId)
    if (accountId) this.#deps.foreseeAccount?.(accountId)
    if (expiresWithSession && typeof sessionUid === 'string') void this.findByUid(sessionUid).catch(() => {})
  }

  async #use(model: ArtifactModel, id: string, successor: Buffer | null): Promise<boolean> {
    if (!MODELS[model].consumable) throw new TypeError(`${model} is not single-use`)
    const before = await this.#remembered(model, id)
    if (before?.consumed_at) return false
    const keys = before ? [before.id] : this.#keys(model, id)
    const won = await this.#won(...keys.map((key): Write => ({ kind: 'use', model, id: key, successor })))
    if (before) this.#deps.units.current?.remember(nameOf(model, id), { ...before, consumed_at: new Date() })
    return won
  }

  async #won(...writes: Write[]): Promise<boolean> {
    try {
      await this.#deps.units.write(...writes)
      return true
    } catch (error) {
      if (error instanceof UnitLost) return false
      throw error
    }
  }

  async #write(...writes: Write[]): Promise<void> {
    try {
      await this.#deps.units.write(...writes)
    } catch (error) {
      throw error instanceof UnitLost ? new ParentGoneError() : error
    }
  }

  /** What a session with an account is signed in to belongs to its family. */
  async #family(
    payload: ArtifactPayload,
    before: ArtifactRow | undefined,
    ttl: number | null,
    replace: boolean,
  ) {
    const { accountId, uid } = payload
    if (accountId === undefined || uid === undefined) return undefined
    const found = await this.#deps.units.current?.known<ArtifactRow>(`family\0${uid}`)
    const key = before?.uid ?? found?.uid ?? this.#deps.atRest.hashId('Session.uid', uid)
    const its = { key, account: accountId, ttl, replace, read: found?.authorizations }
    return familyOf(payload, its, (grantId) => this.#keys('Grant', grantId))
  }

  #isUnchanged(before: ArtifactRow, payload: ArtifactPayload, ttl: number | null): boolean {
    return isOnlyUsed(before, ttl) && isSameSession(this.#rows.payloadOf('Session', before), payload)
  }

  /** As the grant is stored, which while two id keys are valid may be under the older. */
  async #grantKey(grantId: string): Promise<Buffer> {
    const keys = this.#keys('Grant', grantId)
    const row = await (keys.length > 1 ? this.#row('Grant', grantId) : this.#remembered('Grant', grantId))
    return row?.id ?? (keys[0] as Buffer)
  }

  #keys(model: ArtifactModel, id: string): readonly Buffer[] {
    return this.#deps.atRest.idHashes(model, id)
  }

  #uidKeys(uid: string): readonly Buffer[] {
    return this.#deps.atRest.idHashes('Session.uid', uid)
  }
}

type SessionRow = Pick<ArtifactRow, 'id' | 'payload' | 'consumed_at' | 'authorizations'>

function nameOf(model: ArtifactModel, id: string): string {
  return `${model}\0${id}`
}
