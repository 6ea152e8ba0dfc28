import { DomainError } from '../../../domain/errors.ts'
import { SQLSTATE, sqlState } from '../rows.ts'

/** @throws `last_owner` where the database refuses to be without an owner (`migrations/…_owners.ts`) */
export async function keepingAnOwner<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change()
  } catch (cause) {
    throw sqlState(cause) === SQLSTATE.lastOwner ? new DomainError('last_owner', { cause }) : cause
  }
}
