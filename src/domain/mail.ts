/** The closed list of mails. A job names what it is about by id; secrets are derived when it is sent. */
export type MailJob =
  /** the code for a free address, "you have an account" for a taken one: decided when it is sent */
  | { template: 'register'; proofId: string }
  | { template: 'verify-email'; proofId: string }
  | { template: 'reset-password'; proofId: string }
  /** an app asks; of nobody it is never sent */
  | { template: 'approval'; approvalId: string }
  /** an account made by an administrator: the link chooses its first password */
  | { template: 'invitation'; proofId: string }
  /** an administrator stopped the password; the link chooses another */
  | { template: 'password-required'; proofId: string }
  /** the account is locked, and erased at that moment (ISO 8601) */
  | { template: 'account-deletion'; userId: string; at: string; eraseAt: string }
  | { template: 'password-changed'; userId: string; at: string }
