/**
 * The engine's artifacts in SQL. Ids never reach the database, only keyed hashes of them. Whatever may happen once
 * is decided by one statement, and every finder goes by the database's clock.
 */
import {
  ARTIFACT_MODELS,
  type ArtifactModel,
  type ArtifactPayload,
  type ArtifactStore,
  ParentGoneError,
} from '../artifact-store.ts'
import type { AtRest } from '../at-rest.ts'
import { SqlAccess } from './access.ts'
import { MODELS } from './artifact-models.ts'
import { decodePayload, encodePayload, InvalidArtifactError, type PayloadRow } from './artifact-payload.ts'
import * as sql from './artifact-sql.ts'
import type { SqlConnection } from './connection.ts'
import { orNull, SQLSTATE, sqlState } from './rows.ts'

export class SqlArtifactStore implements ArtifactStore {
  readonly #connection: SqlConnection
  readonly #atRest: AtRest
  readonly #access: SqlAccess

  constructor(connection: SqlConnection, atRest: AtRest) {
    this.#connection = connection
    this.#atRest = atRest
    this.#access = new SqlAccess(connection.knex)
  }

  async upsert(
    model: ArtifactModel,
    id: string,
    payload: ArtifactPayload,
    ttlSeconds: number | undefined,
  ): Promise<void> {
    const key = this.#atRest.hashId(model, id)
    const json = encodePayload(this.#atRest, model, key, { ...payload, jti: id })
    const extra = sql.extraColumns(model).map((column) => this.#columnValue(model, column, payload))
    const values = [key, json, orNull(ttlSeconds), ...extra]
    try {
      const { rowCount } = await this.#run(`upsert.${model}`, UPSERT[model], values)
      if (rowCount === 0) throw new ParentGoneError()
    } catch (error) {
      throw translated(error)
    }
  }

  async find(model: ArtifactModel, id: string): Promise<ArtifactPayload | undefined> {
    const found = await this.#findOne(model, `find.${model}`, FIND[model], this.#atRest.hashId(model, id))
    return found && { ...found, jti: id }
  }

  async findByUid(uid: string): Promise<ArtifactPayload | undefined> {
    return this.#findOne('Session', 'findByUid', FIND_BY_UID, this.#uidKey(uid))
  }

  async findByUserCode(userCode: string): Promise<ArtifactPayload | undefined> {
    return this.#findOne('DeviceCode', 'findByUserCode', FIND_BY_USER_CODE, this.#userCodeKey(userCode))
  }

  async findSessionsByAccount(accountId: string): Promise<ArtifactPayload[]> {
    const { rows } = await this.#run<PayloadRow>('findSessionsByAccount', FIND_BY_ACCOUNT, [accountId])
    return rows.map((row) => decodePayload(this.#atRest, 'Session', row))
  }

  async consume(model: ArtifactModel, id: string): Promise<boolean> {
    if (!MODELS[model].consumable) throw new TypeError(`${model} is not single-use`)
    const key = this.#atRest.hashId(model, id)
    return (await this.#run(`consume.${model}`, CONSUME[model], [key])).rowCount === 1
  }

  async claim(model: ArtifactModel, id: string, ttlSeconds: number): Promise<boolean> {
    const key = this.#atRest.hashId(model, id)
    const json = encodePayload(this.#atRest, model, key, {})
    return (await this.#run(`claim.${model}`, CLAIM[model], [key, json, ttlSeconds])).rowCount === 1
  }

  async destroy(model: ArtifactModel, id: string): Promise<void> {
    await this.#run(`destroy.${model}`, DESTROY[model], [this.#atRest.hashId(model, id)])
  }

  async revokeByGrantId(model: ArtifactModel, grantId: string): Promise<void> {
    if (!MODELS[model].underGrant) return
    await this.#run(`revokeByGrantId.${model}`, REVOKE_BY_GRANT[model], [this.#grantKey(grantId)])
  }

  async revokeByAccount(accountId: string): Promise<void> {
    await this.#access.revokeAccount(accountId)
  }

  async revokeByClient(clientId: string): Promise<void> {
    await this.#run('revokeByClient', REVOKE_BY_CLIENT, [clientId])
  }

  async endSession(uid: string): Promise<void> {
    await this.#access.endSession(this.#uidKey(uid))
  }

  async purgeExpired(batchSize: number): Promise<number> {
    let purged = 0
    for (const table of sql.PURGED_TABLES) {
      purged += (await this.#run(`purge.${table}`, sql.purgeSql(table), [batchSize])).rowCount
    }
    return purged
  }

  async #findOne(model: ArtifactModel, name: string, text: string, key: Buffer) {
    const [row] = (await this.#run<PayloadRow>(name, text, [key])).rows
    return row && decodePayload(this.#atRest, model, row)
  }

  #run<Row>(operation: string, text: string, values: unknown[]) {
    return this.#connection.query<Row>({ name: `artifact.${operation}`, text, values })
  }

  #columnValue(model: ArtifactModel, column: string, payload: ArtifactPayload) {
    const { accountOf, clientOf } = MODELS[model]
    if (column === 'grant_id') return payload.grantId === undefined ? null : this.#grantKey(payload.grantId)
    if (column === 'account_id') return orNull(accountOf?.(payload))
    if (column === 'client_id') return orNull(clientOf?.(payload))
    if (column === 'uid') return payload.uid === undefined ? null : this.#uidKey(payload.uid)
    return payload.userCode === undefined ? null : this.#userCodeKey(payload.userCode)
  }

  #grantKey(grantId: string): Buffer {
    return this.#atRest.hashId('Grant', grantId)
  }

  #uidKey(uid: string): Buffer {
    return this.#atRest.hashId('Session.uid', uid)
  }

  #userCodeKey(userCode: string): Buffer {
    return this.#atRest.hashId('DeviceCode.userCode', userCode)
  }
}

type Statements = Record<ArtifactModel, string>

function forEachModel(write: (model: ArtifactModel) => string): Statements {
  return Object.fromEntries(ARTIFACT_MODELS.map((model) => [model, write(model)])) as Statements
}

const UPSERT = forEachModel(sql.upsertSql)
const FIND = forEachModel((model) => sql.findSql(model))
const CONSUME = forEachModel(sql.consumeSql)
const CLAIM = forEachModel(sql.claimSql)
const DESTROY = forEachModel(sql.destroySql)
const REVOKE_BY_GRANT = forEachModel(sql.revokeByGrantSql)
const FIND_BY_UID = sql.findSql('Session', 'uid')
const FIND_BY_USER_CODE = sql.findSql('DeviceCode', 'user_code')
const FIND_BY_ACCOUNT = sql.findSql('Session', 'account_id')
const REVOKE_BY_CLIENT = sql.revokeBySql('client_id', '$1')

function translated(error: unknown): unknown {
  switch (sqlState(error)) {
    case SQLSTATE.foreignKey:
      return new ParentGoneError()
    case SQLSTATE.unique:
      return new InvalidArtifactError('the user code is in use', { cause: error })
    case SQLSTATE.untranslatable:
    case SQLSTATE.invalidText:
      return new InvalidArtifactError('a value is no valid Unicode, which cannot be stored', { cause: error })
    default:
      return error
  }
}
