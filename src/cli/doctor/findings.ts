/** Everything that `ostiary doctor` may find: a stable code, how bad it is, and what to do. docs/troubleshooting.md has them all. */

/** error: something does not work; warning: it should not stay so; note: good to know, and no fault */
export type Severity = 'error' | 'warning' | 'note'

export const FINDINGS = {
  'settings-invalid': [
    'error',
    'Mend the settings; "ostiary config check" shows them all, with where each comes from.',
  ],
  'evaluation-mode': [
    'note',
    'For people to rely on it, set ISSUER: then everything that production needs is asked for.',
  ],
  'password-short': [
    'warning',
    'Take PASSWORD_MIN_LENGTH out: 15 is what NIST asks where the password is the only factor.',
  ],
  'registration-open': ['warning', 'Set REGISTRATION=token unless anybody at all shall register apps here.'],
  'documents-open': [
    'warning',
    'Set CLIENT_ID_METADATA=list and name the hosts in CLIENT_ID_METADATA_HOSTS.',
  ],
  'shared-registration-token': [
    'warning',
    'Take INITIAL_ACCESS_TOKEN out and give each team its own: ostiary initial-access-token create NAME.',
  ],
  'proxies-missing': [
    'warning',
    "Name the proxy's address in TRUSTED_PROXIES: without it all people are one network to the limits.",
  ],
  'connection-in-clear': [
    'note',
    'Unless that network is yours alone, use TLS: sslmode=verify-full, rediss://, smtps:// or requireTLS=true.',
  ],
  'keys-never-rotate': [
    'warning',
    'Take SIGNING_KEY_DAYS=0 out: keys then change by themselves, and nobody notices.',
  ],
  'log-level': ['warning', 'Set LOG_LEVEL=info: debug slows down, silent hides what goes wrong.'],
  'hashing-memory': [
    'warning',
    'Lower HASHING_SLOTS or ARGON2_MEMORY_KIB; "ostiary hashing" proposes what the machine can do.',
  ],
  'setting-unused': ['note', 'Take it out, or set what it belongs to.'],
  'config-file-readable': ['warning', 'chmod 600 the file, or give the secrets as NAME_FILE.'],
  'issuer-not-running': ['note', 'Start it: ostiary start.'],
  'issuer-unreachable': [
    'error',
    'Check DNS, the proxy, its certificate and that Ostiary runs; then "ostiary conformance --issuer" for the rest.',
  ],
  'issuer-wrong': [
    'error',
    'Make ISSUER the address that apps use, letter by letter, and the proxy lead there.',
  ],
  'issuer-clock': ['warning', 'Let both machines take their time from the network (NTP).'],
  'mail-kept-here': ['note', 'Set SMTP_URL and MAIL_FROM to send mail; until then /mailbox shows it.'],
  'mail-unreachable': [
    'error',
    'Check host and port in SMTP_URL and that the firewall lets you out; mails wait meanwhile.',
  ],
  'mail-refused': [
    'error',
    'Check user and password in SMTP_URL (percent-encoded), and that the account may send.',
  ],
  'mail-tls': [
    'error',
    'The server offers no STARTTLS, or a certificate that is not trusted: use smtps://, or mend its certificate.',
  ],
  'database-unreachable': ['error', 'Check DATABASE_URL and that the server runs and takes connections.'],
  'database-in-use': [
    'note',
    'The embedded database is open in the server: stop that and ask again, to look inside.',
  ],
  'database-missing': ['note', 'Start it: ostiary start.'],
  'database-damaged': [
    'error',
    'Restore a backup, give the directory to the right user, or move it away to start anew.',
  ],
  'database-read-only': ['error', 'Point DATABASE_URL at the primary.'],
  'database-old': ['warning', 'Move to Postgres 15 or newer; older ones are not tested.'],
  'database-slow': ['warning', 'Put the database nearer: each request waits for it several times.'],
  'database-encoding': ['error', 'Make the database with encoding UTF8.'],
  'database-permission': ['error', 'Let the user create tables: grant create on schema public.'],
  'database-connections': ['warning', 'Raise max_connections, or lower DATABASE_POOL or WORKERS.'],
  'database-clock': [
    'error',
    "Let both machines take their time from the network (NTP); until then this one's /health/ready says no.",
  ],
  'migrations-missing': ['warning', 'Run "ostiary migrate up", or start this version: it does so by itself.'],
  'migrations-unknown': [
    'error',
    'A newer version was here: run that one, or take its migrations back with it ("ostiary migrate down").',
  ],
  'redis-unreachable': [
    'error',
    'Check REDIS_URL and that the server runs; the database does its work meanwhile.',
  ],
  'redis-old': ['warning', 'Move to Redis 6 or newer; older ones are not tested.'],
  'redis-full': ['warning', 'Raise maxmemory: what it cannot hold, the database does.'],
  'secret-key-wrong': [
    'error',
    'Start with the OSTIARY_SECRET_KEY this database was made with; docs/operations.md says how to change it.',
  ],
  'data-key-waiting': [
    'warning',
    'Run "ostiary data-key rotate" again: it goes on where it was interrupted.',
  ],
  'signing-keys-missing': ['note', 'The first start makes them.'],
  'signing-keys-overdue': [
    'warning',
    'Is Ostiary running? It changes them by itself; "ostiary key rotate" does so now.',
  ],
  'no-owner': ['warning', 'Make the first administrator: ostiary setup-link.'],
  'outbox-dead': [
    'warning',
    'Find out why in the log ("was given up"), mend it, then "ostiary outbox replay KIND".',
  ],
  'outbox-waiting': [
    'warning',
    'Is Ostiary running, and does what it calls answer? The log says what is tried again.',
  ],
  'disk-low': ['warning', 'Make room: without it nothing can be written.'],
  'descriptors-low': [
    'warning',
    'Raise the limit of open files (ulimit -n, LimitNOFILE=) to 4096 or more for the service.',
  ],
  'breakers-unseen': [
    'note',
    'Whether calls to an address are paused is known to each process alone: its /metrics and its log say so.',
  ],
} as const satisfies Record<string, readonly [Severity, string]>

export type FindingCode = keyof typeof FINDINGS

/** What a check saw: that something is well, or a finding. */
export type Seen = { area: string; well: string } | { area: string; code: FindingCode; what: string }
