import type { Knex } from 'knex'
import type { EmailProof, NewEmailProof, ProofPurpose } from '../../../domain/email/proof.ts'
import type { EmailProofRepository } from '../../../domain/ports.ts'
import { emailKey, looksLikeEmail, usernameKey } from '../../../domain/users/identifiers.ts'
import { isStorable, orNull, orUndefined } from '../rows.ts'

interface Row {
  id: string
  purpose: ProofPurpose
  user_id: string | null
  email: string
  flow: string
  interaction_uid: string | null
  draft_user_id: string | null
  draft_password_hash: string | null
  draft_name: string | null
  draft_username: string | null
  attempts: number
  created_at: Date
  expires_at: Date
  consumed_at: Date | null
}

export class SqlEmailProofs implements EmailProofRepository {
  readonly #knex: Knex

  constructor(knex: Knex) {
    this.#knex = knex
  }

  async insert(proof: NewEmailProof): Promise<EmailProof> {
    // One unused row per flow and purpose (a partial unique index), so the newer overwrites the older in one statement
    // and of two inserts at once exactly one survives.
    const draft = proof.registration
    const { rows } = await this.#knex.raw(
      `insert into email_proofs
         (id, purpose, user_id, email, flow, interaction_uid, draft_user_id, draft_password_hash, draft_name,
          draft_username, email_key, username_key, expires_at)
       values (:id, :purpose, :userId, :email, :flow, :interactionUid, :draftUserId, :draftPasswordHash, :draftName,
         :draftUsername, :emailKey, :usernameKey, now() + make_interval(secs => cast(:ttl as float8)))
       on conflict (flow, purpose) where consumed_at is null do update set
         id = excluded.id, user_id = excluded.user_id, email = excluded.email,
         interaction_uid = excluded.interaction_uid, draft_user_id = excluded.draft_user_id,
         draft_password_hash = excluded.draft_password_hash, draft_name = excluded.draft_name,
         draft_username = excluded.draft_username, email_key = excluded.email_key,
         username_key = excluded.username_key, attempts = 0, created_at = excluded.created_at,
         expires_at = case when email_proofs.user_id = excluded.user_id
           then greatest(email_proofs.expires_at, excluded.expires_at) else excluded.expires_at end
       returning *`,
      {
        id: proof.id,
        purpose: proof.purpose,
        userId: orNull(proof.userId),
        email: proof.email,
        flow: proof.flow,
        interactionUid: orNull(proof.interactionUid),
        draftUserId: orNull(draft?.userId),
        draftPasswordHash: orNull(draft?.passwordHash),
        draftName: orNull(draft?.name),
        draftUsername: orNull(draft?.username),
        emailKey: draft ? emailKey(proof.email) : null,
        usernameKey: draft?.username === undefined ? null : usernameKey(draft.username),
        ttl: proof.ttlSeconds,
      },
    )
    return proofOf(rows[0])
  }

  async find(id: string): Promise<EmailProof | undefined> {
    if (!isStorable(id)) return undefined
    const row = await this.#knex<Row>('email_proofs').where({ id }).first()
    return row && proofOf(row)
  }

  async findRegistration(identifier: string): Promise<EmailProof | undefined> {
    if (!isStorable(identifier)) return undefined
    const [column, key] = looksLikeEmail(identifier)
      ? ['email_key', emailKey(identifier)]
      : ['username_key', usernameKey(identifier)]
    const row = await this.#knex<Row>('email_proofs')
      .where(column as string, key as string)
      .whereNull('consumed_at')
      .andWhere('expires_at', '>', this.#knex.fn.now())
      .orderBy('created_at', 'desc')
      .first()
    return row && proofOf(row)
  }

  async findOpen(userId: string): Promise<EmailProof | undefined> {
    if (!isStorable(userId)) return undefined
    const row = await this.#knex<Row>('email_proofs')
      .where((is) => is.where({ draft_user_id: userId }).orWhere({ user_id: userId }))
      .whereIn('purpose', ['register', 'verify-email'])
      .whereNull('consumed_at')
      .andWhere('expires_at', '>', this.#knex.fn.now())
      .orderBy('created_at', 'desc')
      .first()
    return row && proofOf(row)
  }

  async countAttempt(id: string, maxAttempts: number): Promise<boolean> {
    if (!isStorable(id)) return false
    const changed = await this.#usable(id).andWhere('attempts', '<', maxAttempts).increment('attempts', 1)
    return (changed as unknown as number) === 1
  }

  async consume(id: string): Promise<EmailProof | undefined> {
    if (!isStorable(id)) return undefined
    const [row] = await this.#usable(id).update({ consumed_at: this.#knex.fn.now() }, '*')
    return row && proofOf(row as Row)
  }

  async expireAll(userId: string, purpose: ProofPurpose): Promise<void> {
    await this.#knex('email_proofs')
      .where({ user_id: userId, purpose })
      .whereNull('consumed_at')
      .andWhere('expires_at', '>', this.#knex.fn.now())
      .update({ expires_at: this.#knex.fn.now() })
  }

  #usable(id: string) {
    return this.#knex<Row>('email_proofs')
      .where({ id })
      .whereNull('consumed_at')
      .andWhere('expires_at', '>', this.#knex.fn.now())
  }
}

function proofOf(row: Row): EmailProof {
  return {
    id: row.id,
    purpose: row.purpose,
    userId: orUndefined(row.user_id),
    email: row.email,
    flow: row.flow,
    interactionUid: orUndefined(row.interaction_uid),
    registration:
      row.draft_user_id !== null && row.draft_password_hash !== null
        ? {
            userId: row.draft_user_id,
            passwordHash: row.draft_password_hash,
            name: orUndefined(row.draft_name),
            username: orUndefined(row.draft_username),
          }
        : undefined,
    attempts: row.attempts,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    consumedAt: orUndefined(row.consumed_at),
  }
}
