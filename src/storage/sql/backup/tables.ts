/**
 * What a backup keeps of each table, and why not. Every table is in one of the two lists (a test holds them complete):
 * kept is what people and operators made; left out is whatever lets somebody in or is on its way, because it may have
 * been ended since (docs/decisions/0038-backups-and-declarations.md).
 */
export interface KeptTable {
  name: string
  /** which rows; all unless given */
  only?: string
}

/** In the order in which rows can be inserted: what others refer to comes first. */
export const KEPT: readonly KeptTable[] = [
  { name: 'users' },
  // Names that registrations hold for a while are not theirs yet.
  { name: 'usernames', only: 'user_id is not null' },
  { name: 'passwords' },
  { name: 'roles' },
  { name: 'user_roles' },
  { name: 'user_deletions' },
  { name: 'initial_access_tokens' },
  { name: 'clients' },
  { name: 'client_documents' },
  { name: 'consents' },
  { name: 'application_roles' },
  { name: 'user_application_roles' },
  { name: 'resource_servers' },
  { name: 'authorization_details_types' },
  { name: 'applied_state' },
  { name: 'signing_keys' },
  { name: 'deployment_secrets' },
  { name: 'audit_keys' },
  { name: 'audit_events' },
  { name: 'audit_chain' },
  { name: 'audit_checkpoints' },
  { name: 'audit_prunings' },
  { name: 'audit_person_keys' },
  { name: 'endings' },
  { name: 'webhooks' },
  { name: 'usage_days' },
  // The link of the first administrator is a secret for one use.
  { name: 'settings', only: "name <> 'setup'" },
]

export const LEFT_OUT: Readonly<Record<string, string>> = {
  data_keys: 'they open everything else, and go into the keys file',
  oidc_grants: 'people sign in again',
  oidc_sessions: 'people sign in again',
  oidc_session_families: 'people sign in again',
  oidc_interactions: 'on its way',
  oidc_authorization_codes: 'on its way',
  oidc_refresh_tokens: 'may have been revoked since',
  oidc_access_tokens: 'may have been revoked since',
  oidc_client_credentials: 'may have been revoked since',
  oidc_device_codes: 'on its way',
  oidc_backchannel_requests: 'on its way',
  oidc_pushed_requests: 'on its way',
  oidc_replay_detections: 'nothing of that day can be replayed: what it belonged to is gone',
  oidc_initial_access_tokens: 'may have been used since',
  oidc_registration_access_tokens: 'may have been revoked since',
  client_secrets: 'former ones may have been revoked since',
  email_proofs: 'secrets for one use',
  idempotency_keys: 'answers of one day, with secrets in them',
  outbox: 'sent since, or not wanted any more: nothing is sent twice',
  webhook_deliveries: 'sent since, or not wanted any more, like the outbox',
  mailbox_messages: 'mails of the evaluation, with secrets for one use in them',
  ephemeral: 'on its way',
  failures: 'explanations of one day',
  change_counters: 'made by the migrations',
}
