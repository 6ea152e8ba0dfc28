/**
 * A proof that somebody reads the mail of an address. One mail carries a link and a 6-digit code; both are derived
 * from the proof's id and the deployment's key when the mail is sent, so neither is ever stored (see `secrets.ts`).
 */
export type ProofPurpose =
  /** somebody wants an account at the address; whether it has one already is looked up when the mail is sent */
  | 'register'
  /** the person proves the address of an account that exists */
  | 'verify-email'
  /** the person forgot the password */
  | 'reset-password'

export interface NewEmailProof {
  id: string
  purpose: ProofPurpose
  /** undefined: nobody has the address; the row exists so that the work is the same */
  userId: string | undefined
  /** the address the proof is for; it must still be the account's address when the proof is redeemed */
  email: string
  /** what began it (an interaction or a form); a newer proof of the same flow replaces the older */
  flow: string
  /** the interaction to go on with after the link was opened in the same browser */
  interactionUid: string | undefined
  /** what `register` makes an account of when it is redeemed, and not before */
  registration: RegistrationDraft | undefined
  ttlSeconds: number
}

export interface EmailProof extends Omit<NewEmailProof, 'ttlSeconds'> {
  attempts: number
  createdAt: Date
  expiresAt: Date
  consumedAt: Date | undefined
}

/** An account that is not one yet. Nobody is reserved the address by it, and nobody else's account is touched. */
export interface RegistrationDraft {
  /** the id the account will have */
  userId: string
  passwordHash: string
  username: string | undefined
  name: string | undefined
}
