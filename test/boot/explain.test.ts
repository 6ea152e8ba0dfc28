/** `ostiary explain` on both kinds of database, before there is anything in them and after. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { shownCode } from '../../src/domain/failures/record.ts'
import { chooseStorage, type StorageOptions } from '../../src/storage/choose.ts'
import { newKeyring, newPostgresDatabase } from '../support/backends.ts'
import { ostiary } from '../support/command.ts'
import { sampleClient, sampleFailure } from '../support/samples.ts'

describe('ostiary explain', function () {
  this.timeout(120_000)

  for (const stack of ['embedded database', 'Postgres'])
    it(`explains a code or a request id, and says when it knows none (${stack})`, async () => {
      const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-explain-'))
      const postgres = stack === 'Postgres' ? await newPostgresDatabase() : undefined
      const settings = { DATA_DIR: dataDir, ...(postgres ? { DATABASE_URL: postgres.url } : {}) }
      const run = (...args: string[]) => ostiary(settings, ['explain', ...args])
      const client = sampleClient()
      const failure = sampleFailure({
        ...{ endpoint: 'authorization', method: 'GET', error: 'invalid_redirect_uri', clientId: client.id },
        sent: { redirect_uri: 'https://app.example/cb/\u001b[31m' },
      })
      try {
        const database: StorageOptions['database'] = postgres
          ? { kind: 'postgres', url: postgres.url, poolSize: 2 }
          : { kind: 'pglite', dataDir }
        // Nothing there yet: not even a schema.
        const early = run('AAAA-BBBB')
        expect([early.status, early.stdout]).to.deep.equal([1, ''])
        expect(early.stderr).to.match(/^Nothing is known under "AAAA-BBBB"\. Records are kept for a day/)
        const storage = await chooseStorage({ database, atRest: newKeyring(), onError: () => {} })
        await storage.database.clients.save(client)
        await storage.database.failures.save(failure)
        await storage.close()

        const plain = run(shownCode(failure.code).toLowerCase())
        expect(plain.stderr).to.equal('')
        expect(plain.stdout).to.match(/nearest\s+https:\/\/app\.example\/cb\n/)
        expect(plain.stdout).to.match(/change\s+Send https:\/\/app\.example\/cb,/)
        expect(plain.stdout).to.include('RFC 6749, section 3.1.2.3')
        expect(plain.stdout).to.include('cb/\\u001b[31m').and.not.include('\u001b')
        const { explanation, failure: kept } = JSON.parse(run(failure.requestId, '--json').stdout)
        expect(explanation.cause).to.equal('redirect-uri-unregistered')
        expect(kept).to.deep.equal(failure)
        expect(run().status).to.equal(2)
        expect(run(failure.code, '--other').status).to.equal(2)
      } finally {
        await postgres?.drop()
        rmSync(dataDir, { recursive: true, force: true })
      }
    })
})
