/** The configuration as the program uses it: decided, complete, frozen, and without secrets. */

import { inspect } from 'node:util'
import type { AuditRetentionDays } from '../domain/audit/classes.ts'
import type { SigningAlgorithm } from '../domain/keys/key.ts'
import type { ResourceServerSettings } from '../domain/resources/resource-server.ts'
import type { GivenSetting } from './given.ts'
import type { TracingConfig } from './tracing.ts'

/** seconds: unused for so long, and so long in all */
export interface Lifetime {
  readonly idle: number
  readonly most: number
}

export interface Lifetimes {
  readonly session: Lifetime
  /** with "keep me signed in" */
  readonly remembered: Lifetime
  readonly refresh: Lifetime
  /** of tokens of the API's own sign-in: access tokens, and the sign-in with its refresh tokens in all */
  readonly api: { readonly access: number; readonly refresh: number }
}

/** Who may vouch for applications that register (RFC 7591 2.3). One of the two is there. */
export interface StatementIssuer {
  issuer: string
  jwks: { keys: Record<string, unknown>[] } | undefined
  jwksUri: string | undefined
}

export interface Config {
  /** evaluation: no ISSUER given; everything on loopback, nothing else needed */
  readonly mode: 'evaluation' | 'production'
  /** origin without a trailing slash */
  readonly issuer: string
  readonly listen: { readonly hosts: readonly string[]; readonly port: number }
  /** sample applications, evaluation only */
  readonly samples: { readonly port: number; readonly origin: string } | undefined
  readonly dataDir: string
  readonly database:
    | { readonly kind: 'postgres'; readonly poolSize: number }
    /** no directory: in memory, begun with the image of one (`dumpDataDir` of PGlite) where that is given */
    | { readonly kind: 'pglite'; readonly dataDir: string | undefined; readonly image?: Blob | undefined }
  readonly redis: boolean
  readonly mail: { readonly kind: 'smtp' | 'mailbox'; readonly from: string }
  /** addresses or CIDR blocks whose forwarded headers count */
  readonly trustedProxies: readonly string[]
  /** where clients show certificates (RFC 8705), and the headers in which the proxy hands them on, in small letters */
  readonly mtls:
    | { readonly origin: string; readonly certHeader: string; readonly verifyHeader: string | undefined }
    | undefined
  /** origins that outbound requests may reach although they are on a special-use network */
  readonly outboundAllow: readonly string[]
  readonly clientsFile: string | undefined
  readonly resourceServers: readonly ResourceServerSettings[]
  readonly registration: {
    /** token: with an initial access token; open: by anybody, under our own policy; off: there is no endpoint */
    readonly mode: 'token' | 'open' | 'off'
    /** what registered without a token and was never used is removed after so long */
    readonly unusedDays: number
    readonly statementIssuers: readonly StatementIssuer[]
    /** client ID metadata documents: of hosts on the list (none: off), or of any host */
    readonly documents: { readonly mode: 'off' | 'list' | 'open'; readonly hosts: readonly string[] }
  }
  /** types of authorization details (RFC 9396) */
  readonly authorizationDetailsFile: string | undefined
  readonly api: {
    /** whose pages may call the API from a browser */
    readonly corsOrigins: readonly string[]
    /** whether people sign in and register by the API itself */
    readonly auth: boolean
    /** whether a registration by the API says that an address is taken */
    readonly tellsTaken: boolean
  }
  readonly brandName: string
  /** what all this was decided from, without secrets */
  readonly given: readonly GivenSetting[]
  /** pages of the operator's own that the discovery document names */
  readonly pages: { docs: string | undefined; policy: string | undefined; terms: string | undefined }
  readonly password: { readonly minLength: number }
  readonly deletion: {
    /** between the deletion of an account and its erasure; 0: none */
    readonly coolOffSeconds: number
  }
  readonly lifetimes: Lifetimes
  readonly signing: {
    /** offered for ID tokens */
    readonly algorithms: readonly SigningAlgorithm[]
    /** seconds that a key signs before another takes its place; 0: until an operator changes it */
    readonly signFor: number
  }
  readonly audit: {
    /** how long records are kept, by class */
    readonly days: AuditRetentionDays
    /** Redis stream that is told of each event, with about so many entries */
    readonly stream: { readonly name: string; readonly length: number } | undefined
  }
  readonly hashing: {
    readonly memoryKiB: number
    readonly iterations: number
    /** in child processes of low priority; otherwise on threads of this process */
    readonly processes: boolean
    /** hashes at once of this process and its children */
    readonly slots: number
  }
  /** where traces go; undefined: there are none */
  readonly tracing: TracingConfig | undefined
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  /** processes that serve the port; 1: this one, without a primary */
  readonly workers: number
  /** how long a stop keeps the port open after `/health/ready` has said no */
  readonly drainDelaySeconds: number
  /** how long a stop waits for requests in flight, and for mail in hand */
  readonly drainSeconds: number
}

/** Secrets, apart from the configuration; printing or serialising them shows `[secret]`. */
export class Secrets {
  readonly #values: SecretValues

  constructor(values: SecretValues) {
    this.#values = values
  }

  /** wraps the data keys; nothing is made with it directly */
  get rootKey(): Buffer {
    return this.#values.rootKey
  }

  /** what `rootKey` replaces */
  get previousRootKey(): Buffer | undefined {
    return this.#values.previousRootKey
  }

  get databaseUrl(): string | undefined {
    return this.#values.databaseUrl
  }

  get redisUrl(): string | undefined {
    return this.#values.redisUrl
  }

  get smtpUrl(): string | undefined {
    return this.#values.smtpUrl
  }

  get initialAccessToken(): string | undefined {
    return this.#values.initialAccessToken
  }

  /** opens `/metrics` */
  get metricsToken(): string | undefined {
    return this.#values.metricsToken
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}

export interface SecretValues {
  rootKey: Buffer
  previousRootKey?: Buffer | undefined
  databaseUrl?: string | undefined
  redisUrl?: string | undefined
  smtpUrl?: string | undefined
  initialAccessToken?: string | undefined
  metricsToken?: string | undefined
}
