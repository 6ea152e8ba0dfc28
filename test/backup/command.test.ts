/**
 * `ostiary backup` and `ostiary restore` as an operator uses them: a deployment with a person in it, its data lost, and
 * made anew. People, apps, keys and consents are there again; nothing that was handed out before is good for anything.
 */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import * as client from 'openid-client'
import pg from 'pg'
import { confirm, keyIds, newAgent, register } from '../boot/steps.ts'
import { newPostgresDatabase } from '../support/backends.ts'
import { ostiary } from '../support/command.ts'
import { OstiaryProcess } from '../support/ostiary-process.ts'
import { begin, PASSWORD, webClient } from '../support/relying-party.ts'

interface Place {
  settings(folder: string): Record<string, string>
  /** whether it is copied while it is in use */
  inUse: boolean
  wipe(folder: string): Promise<void>
  drop(): Promise<void>
}

const PLACES: Record<string, () => Promise<Place>> = {
  'embedded database': async () => ({
    settings: (folder) => ({ DATA_DIR: join(folder, 'data') }),
    inUse: false,
    wipe: async (folder) => rmSync(join(folder, 'data'), { recursive: true }),
    drop: async () => {},
  }),
  Postgres: async () => {
    const { url, drop } = await newPostgresDatabase()
    return {
      settings: () => ({ DATABASE_URL: url }),
      inUse: true,
      async wipe() {
        const database = new pg.Client({ connectionString: url })
        await database.connect()
        await database.query('drop schema public cascade; create schema public')
        await database.end()
      },
      drop,
    }
  },
}

for (const [name, prepare] of Object.entries(PLACES))
  describe(`ostiary backup and restore (${name})`, function () {
    this.timeout(300_000)
    const email = 'jane@example.org'
    const folder = mkdtempSync(join(tmpdir(), 'ostiary-restore-'))
    const [file, keys] = [join(folder, 'one.backup'), join(folder, 'one.keys')]
    let place: Place
    let settings: Record<string, string>
    let process: OstiaryProcess
    const run = (words: string[], more: Record<string, string> = {}) =>
      ostiary({ ...settings, ...more }, words)

    before(async () => {
      place = await prepare()
      const secret = randomBytes(32).toString('base64')
      settings = { ARGON2_MEMORY_KIB: '19456', OSTIARY_SECRET_KEY: secret, ...place.settings(folder) }
      process = await OstiaryProcess.start({ settings, clients: [webClient()] })
    })
    after(async () => {
      await process?.dispose()
      await place?.drop()
      rmSync(folder, { recursive: true, force: true })
    })

    it('give back people, apps, keys and consents, and no session, after all was lost', async () => {
      const flow = await register(process.issuer, email)
      const tokens = await confirm(process.issuer, email, flow)
      const kids = await keyIds(process.issuer)
      const sub = tokens.claims()?.sub

      if (!place.inUse) await process.stop()
      const made = run(['backup', file, '--keys', keys, '--json'])
      expect([made.stderr, made.status]).to.deep.equal(['', 0])
      const { rows, dataKeys } = JSON.parse(made.stdout)
      expect(rows)
        .to.include({ users: 1, consents: 1, passwords: 1 })
        .and.to.not.have.property('oidc_sessions')
      expect(dataKeys).to.deep.equal([1])
      expect(run(['backup', file, '--verify']).stdout).to.match(/one\.backup is whole: \d+ rows of/)
      expect(run(['backup', file, '--verify', '--keys', keys]).stdout).to.include('and made with these keys')
      if (place.inUse) {
        const running = run(['restore', file, '--keys', keys, '--replace', '--yes'])
        expect([running.status, running.stderr]).to.deep.equal([
          1,
          'Ostiary is running on this database: stop every process of it first.\n',
        ])
        await process.stop()
      }

      await place.wipe(folder)
      const back = run(['restore', file, '--keys', keys])
      expect(back.status, back.stderr).to.equal(0)
      expect(back.stdout).to.include('was restored; nobody is signed in')
      expect(run(['audit', 'verify']).stdout).to.include('Nothing was changed, taken away, put in or moved.')
      await process.start()

      expect(await keyIds(process.issuer)).to.deep.equal(kids)
      // All that was handed out before.
      const silent = await flow.agent.get((await begin(flow.rp, { prompt: 'none' })).url.href)
      expect(silent.url).to.include('error=login_required')
      const refused = await client
        .refreshTokenGrant(flow.rp, String(tokens.refresh_token))
        .catch((error) => error)
      expect(refused.error).to.equal('invalid_grant')
      expect((await client.tokenIntrospection(flow.rp, tokens.access_token)).active).to.equal(false)
      // The person, the app and its secret, and what was allowed: no page asks for consent again.
      const started = await begin(flow.rp, { scope: 'openid email' })
      const agent = newAgent()
      const page = await agent.get(started.url.href)
      const done = await agent.submit(page, { identifier: email, password: PASSWORD }, '/sign-in')
      expect(done.url).to.include('code=')
      const again = await client.authorizationCodeGrant(flow.rp, new URL(done.url), {
        ...started.checks,
        idTokenExpected: true,
      })
      expect(again.claims()?.sub).to.equal(sub)
    })

    it('refuse in a sentence what cannot be', async () => {
      await process.stop()
      const refused: [string[], Record<string, string>, number, RegExp][] = [
        [['backup', file, '--keys', join(folder, 'two.keys')], {}, 1, /one\.backup is there already/],
        [['backup', join(folder, 'two.backup'), '--keys', keys], {}, 1, /one\.keys is there already/],
        [['backup', join(folder, 'two.backup')], {}, 2, /Say where the keys go: --keys FILE, or --no-keys/],
        [['backup', keys, '--verify'], {}, 1, /is damaged, or no backup of Ostiary/],
        [
          ['restore', file, '--keys', keys],
          {},
          1,
          /The database is not empty: there are rows in data_keys\./,
        ],
        [['restore', file, '--keys', keys, '--replace'], {}, 2, /takes its place\. Add --yes to do it\./],
        [['restore', file, '--keys', file], {}, 1, /one\.backup is no keys file of Ostiary/],
        [
          ['restore', file, '--keys', keys, '--replace', '--yes'],
          { OSTIARY_SECRET_KEY: randomBytes(32).toString('base64') },
          1,
          /OSTIARY_SECRET_KEY is not the key this database was made with: data key 1 is wrapped under/,
        ],
      ]
      for (const [words, more, status, sentence] of refused) {
        const said = run(words, more)
        expect([said.status, said.stdout], words.join(' ')).to.deep.equal([status, ''])
        expect(said.stderr).to.match(sentence)
      }
      expect(readdirSync(folder).filter((one) => one.includes('partial'))).to.deep.equal([])
    })

    it('replace a database when told', async () => {
      const done = run(['restore', file, '--keys', keys, '--replace', '--yes', '--json'])
      expect(done.status, done.stderr).to.equal(0)
      expect(JSON.parse(done.stdout).rows.users).to.equal(1)
      const verdict = run(['audit', 'verify', '--json'])
      expect(JSON.parse(verdict.stdout).findings).to.deep.equal([])
    })

    it('stop a secret that was replaced since, and say whose', async () => {
      await process.stop()
      const declared = join(folder, 'shop.yaml')
      const [two, twoKeys] = [join(folder, 'two.backup'), join(folder, 'two.keys')]
      const leaked = randomBytes(32).toString('base64url')
      writeFileSync(
        declared,
        'clients: { shop: { redirect_uris: [https://shop.example/cb], secret: { env: SHOP_SECRET } } }',
      )
      const applied = run(['apply', declared, '--yes'], { SHOP_SECRET: leaked })
      expect(applied.status, applied.stderr).to.equal(0)
      expect(run(['backup', two, '--keys', twoKeys]).status).to.equal(0)
      const replace = () => run(['client', 'secrets', 'replace', 'shop', '--expire-now']).stdout.trim()
      const second = replace()
      const done = run([
        ...['restore', two, '--keys', twoKeys, '--replace', '--yes', '--revoked', 'KEY-OF-NOBODY'],
      ])
      expect(done.status, done.stderr).to.equal(3)
      expect(done.stdout).to.match(/do not work again\. Make another for each of these apps .*: shop\./)
      expect(done.stderr).to.include('The backup has no signing key KEY-OF-NOBODY')
      const third = replace()

      await process.start()
      /** Whether it is let in, by what the endpoint says of a code that there is not. */
      const errorWith = async (secret: string) => {
        const answer = await fetch(`${process.issuer}/token`, {
          method: 'POST',
          headers: { authorization: `Basic ${Buffer.from(`shop:${secret}`).toString('base64')}` },
          body: new URLSearchParams({
            ...{ grant_type: 'authorization_code', code: 'none', code_verifier: 'x'.repeat(43) },
            redirect_uri: 'https://shop.example/cb',
          }),
        })
        return ((await answer.json()) as { error: string }).error
      }
      expect(await errorWith(leaked)).to.equal('invalid_client')
      expect(await errorWith(second)).to.equal('invalid_client')
      expect(await errorWith(third)).to.equal('invalid_grant')
      await process.stop()
    })
  })
