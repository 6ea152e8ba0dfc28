/**
 * Who may import whom. Each rule takes one file and answers with what is wrong in it, as sentences.
 * A new folder under `src/` needs a line in `ARROWS`; that line is a decision, so it is made here and not by habit.
 */
import type { Import, SourceFile } from './source-tree.ts'

export type Rule = (file: SourceFile) => string[]

/** What a folder may import of ours: folders (`domain/`), files (`storage/at-rest.ts`); `type ` before it: types only. */
const ARROWS: Record<string, string[]> = {
  lib: ['lib/'],
  domain: ['domain/', 'lib/'],
  storage: ['storage/', 'domain/', 'lib/'],
  crypto: ['crypto/', 'domain/', 'lib/', 'type storage/at-rest.ts'],
  mail: ['mail/', 'domain/', 'lib/'],
  outbound: ['outbound/', 'lib/'],
  upstream: ['upstream/', 'domain/', 'lib/'],
  jobs: ['jobs/', 'domain/', 'lib/', 'mail/transport.ts'],
  telemetry: ['telemetry/', 'domain/', 'lib/', 'type config/'],
  config: ['config/', 'lib/', 'domain/resources/', 'type domain/'],
  oidc: [
    'oidc/',
    'domain/',
    'lib/',
    'storage/artifact-store.ts',
    'storage/at-rest.ts',
    'storage/unit-of-work.ts',
    'type storage/changes.ts',
    'type outbound/outbound.ts',
    'type config/',
  ],
  // its edge alone knows Koa, and takes from the pages' edge what the front door found out
  api: ['api/', 'domain/', 'lib/', 'http/state.ts'],
  http: ['http/', 'oidc/', 'domain/', 'lib/', 'type config/'],
  // declarations are read and compared; services, checks and secrets are handed in
  declarative: ['declarative/', 'domain/', 'lib/'],
  // the sample apps are outsiders: they know the protocol and nothing of the provider
  samples: ['samples/'],
  // so does what asks a deployment from outside
  conformance: ['conformance/'],
  // helpers of the composition root; each sees what it needs and no more
  'server.ts': ['lib/'],
  'stop-orders.ts': ['type config/'],
  'workers.ts': ['lib/', 'stop-orders.ts', 'type config/', 'type server.ts'],
  'start-failure.ts': ['config/', 'storage/faults.ts', 'domain/', 'lib/'],
  'version.ts': [],
  'welcome.ts': ['type app.ts', 'lib/'],
}

/** The composition root sees everything. */
const SEES_ALL = [
  'app.ts',
  'app-api.ts',
  'app-declarative.ts',
  'app-audit.ts',
  'app-auth.ts',
  'app-metrics.ts',
  'app-services.ts',
  'app-system.ts',
  'app-telemetry.ts',
  'app-engine.ts',
  'app-outbox.ts',
  'app-parts.ts',
  'app-purge.ts',
  'app-transfer.ts',
  'app-webhooks.ts',
  'main.ts',
  'lifecycle.ts',
  'cli/',
]

/** Package -> where it may be imported; `type ` before a place: types only there. */
const PACKAGES: [RegExp, string[]][] = [
  [/^(koa|koa-.+|@koa\/.+)$/, ['http/', 'samples/', 'api/edge/', 'type oidc/']],
  [/^oidc-provider$/, ['oidc/', 'http/interaction/', 'type http/']],
  [/^(knex|pg|@electric-sql\/.+)$/, ['storage/sql/']],
  [/^ioredis$/, ['storage/redis/']],
  [/^nodemailer$/, ['mail/']],
  [/^(argon2|@node-rs\/(argon2|bcrypt))$/, ['crypto/']],
  [/^prom-client$/, ['telemetry/metrics.ts']],
  [/^@opentelemetry\/.+$/, ['telemetry/tracing.ts']],
  [/^yaml$/, ['declarative/']],
  [/^ejs$/, ['http/render.ts', 'mail/render.ts']],
]

const MAX_LINES = 300

/** Clocks and dice: in `domain/` they are parameters. */
const IMPURE =
  /\bDate\.now\b|\bnew Date\(\s*\)|\bMath\.random\b|\brandom(Bytes|UUID|Int)\b|\bgetRandomValues\b|\bperformance\.now\b/g

function within(path: string, places: string[], typeOnly: boolean): boolean {
  return places.some((place) => {
    if (place.startsWith('type ')) return typeOnly && within(path, [place.slice(5)], typeOnly)
    return place.endsWith('/') ? path.startsWith(place) : path === place
  })
}

export const importsFollowTheArrows: Rule = (file) => {
  if (within(file.path, SEES_ALL, false)) return []
  const folder = file.path.split('/')[0]!
  const allowed = ARROWS[folder]
  if (!allowed) return [`"${folder}" has no line in the table of arrows`]
  const wrong = (it: Import): boolean => it.target !== undefined && !within(it.target, allowed, it.typeOnly)
  return file.imports
    .filter(wrong)
    .map(
      (it) =>
        `${folder}/ may not import ${it.typeOnly ? 'the type of ' : ''}${it.target} (only ${allowed.join(', ')})`,
    )
}

export const packagesStayInTheirPlace: Rule = (file) =>
  file.imports.flatMap((it) => {
    const [, places] = PACKAGES.find(([pattern]) => it.package && pattern.test(it.package)) ?? []
    if (!places || within(file.path, places, it.typeOnly)) return []
    return [`${it.package} is imported only in ${places.join(', ')}`]
  })

export const domainIsPure: Rule = (file) => {
  if (!file.path.startsWith('domain/')) return []
  const outside = file.imports.filter((it) => it.target === undefined)
  const impure = [...file.code.matchAll(IMPURE)]
  return [
    ...outside.map((it) => `domain/ imports no package and no built-in (${it.specifier})`),
    ...impure.map((match) => `domain/ takes clock and randomness as parameters (${match[0]})`),
  ]
}

export const environmentIsReadInOnePlace: Rule = (file) =>
  file.path !== 'config/read-env.ts' && /\bprocess\.env\b/.test(file.code)
    ? ['process.env is read only in config/read-env.ts']
    : []

/** The samples and the conformance command are outsiders. What serves HTTP imports `node:http` too, and may. */
export const requestsGoOutOneWay: Rule = (file) => {
  if (within(file.path, ['outbound/', 'samples/', 'conformance/'], false)) return []
  const clients = file.imports.filter((it) => /^(node:)?(https|undici|dns|dns\/promises)$/.test(it.specifier))
  const calls = [...file.code.matchAll(/(?<![.\w#$])fetch\(|\bglobalThis\.fetch\b|\bhttp\.(request|get)\(/g)]
  return [
    ...clients.map((it) => `only outbound/ makes requests (${it.specifier})`),
    ...calls.map(([call]) => `only outbound/ makes requests (${call})`),
  ]
}

export const importsNameFiles: Rule = (file) =>
  file.imports
    .filter((it) => it.target !== undefined && !/\.(ts|json)$/.test(it.target))
    .map((it) => `relative imports end in .ts (${it.specifier})`)

export const engineIsUsedByItsFrontDoor: Rule = (file) =>
  file.imports
    .filter((it) => it.specifier.startsWith('oidc-provider/'))
    .map((it) => `no import from inside the engine (${it.specifier})`)

export const filesStaySmall: Rule = (file) => {
  const lines = file.text.split('\n').length - 1
  return lines > MAX_LINES ? [`${lines} lines, at most ${MAX_LINES}`] : []
}

export const foldersHaveNames: Rule = (file) =>
  file.path
    .split('/')
    .slice(0, -1)
    .filter((folder) => /^(utils?|helpers?|misc)$/i.test(folder))
    .map((folder) => `"${folder}" says nothing about what is in it`)
