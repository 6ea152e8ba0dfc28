/**
 * What we rely on in the engine and no test of a feature would name when an upgrade takes it away. Each failure here says
 * what has changed; the test of the feature shows what it means. Held by tests that are elsewhere:
 *
 * | what engine.md says | held by |
 * | --- | --- |
 * | one of many redeems a code | test/races/redemption.test.ts: opens nothing any more, at either |
 * | one of many refreshes rotates | test/races/refresh.test.ts: everybody is served, one successor lives |
 * | an assertion counts once | test/oidc/client-authentication.test.ts: takes an assertion once, however many |
 * | a session of two tabs is merged | test/oidc/two-tabs.test.ts: signs in to five apps at once |
 * | a session id is replaced under a parallel request | test/oidc/two-tabs.test.ts: answers a tab that still sends the old id |
 * | Host and X-Forwarded-* poison nothing | test/oidc/host.test.ts: issues tokens in its own name only |
 * | cookies of app and engine are signed alike | test/oidc/signing-keys.test.ts: revokes a cookie key |
 * | the discovery document, whole | test/oidc/discovery.test.ts: announces exactly what is decided here |
 * | ids are stored as keyed hashes, in all flows | test/oidc/secrets-at-rest.test.ts: holds nothing that opens anything |
 * | form_post runs its one script under CSP | test/oidc/code-flow.test.ts: in a page that may run its one script |
 * | our fetch is the engine's | test/outbound/outbound.test.ts: follow no redirect, to wherever |
 * | a deleted client's token is not active | test/oidc/introspection.test.ts: not active when its client is gone |
 * | no file of src imports from inside the engine | test/architecture.test.ts: the engine is used by its front door |
 * | a registered body we changed reaches the engine | test/oidc/registration-management.test.ts: a digest is no secret |
 */
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect } from 'chai'
import { ROOT } from '../support/source-tree.ts'

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')

describe('the engine is the one we know', () => {
  it('its version is pinned to the letter, installed, and the one the lock file has', () => {
    const { dependencies } = JSON.parse(read('package.json'))
    expect(dependencies['oidc-provider'], 'an engine that moves by itself').to.match(/^\d+\.\d+\.\d+$/)
    const installed = createRequire(import.meta.url)('oidc-provider/package.json') as { version: string }
    expect(installed.version).to.equal(dependencies['oidc-provider'])
    const lock = JSON.parse(read('package-lock.json'))
    expect(lock.packages['node_modules/oidc-provider'].version).to.equal(dependencies['oidc-provider'])
  })

  it('no test, tool or page imports from inside of it either', () => {
    const deep = /(?:from|import\(?|require\(?)\s*['"][^'"]*oidc-provider\/lib/
    const faults = ['test', 'bench', 'scripts', 'views'].flatMap((folder) =>
      readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((file) => /\.(ts|mjs|cjs|js)$/.test(file))
        .map((file) => join(folder, file))
        .filter((path) => path !== 'test/architecture.test.ts' && deep.test(read(path))),
    )
    expect(faults).to.deep.equal([])
  })

  it('what is held elsewhere is there', () => {
    const rows = [
      ...read('test/engine-contract/pinned.test.ts').matchAll(/^ \* \| .+ \| (test\S+): (.+) \|$/gm),
    ]
    expect(rows).to.have.length(14)
    for (const [, path = '', title = ''] of rows)
      expect(read(path), `${path} has no "${title}"`).to.include(title)
  })
})
