/** `ostiary setup-link` on both kinds of database. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { ostiary } from '../support/command.ts'

describe('ostiary setup-link', () => {
  for (const stack of ['embedded database', 'Postgres'])
    it(`prints a link for the first administrator, another each time (${stack})`, async function () {
      this.timeout(60_000)
      const dataDir = mkdtempSync(join(tmpdir(), 'ostiary-setup-'))
      const postgres = stack === 'Postgres' ? await newPostgresDatabase() : undefined
      const settings = { DATA_DIR: dataDir, ...(postgres ? { DATABASE_URL: postgres.url } : {}) }
      const run = () => {
        const { status, stdout, stderr } = ostiary(settings, ['setup-link'])
        expect(status, stderr).to.equal(0)
        return stdout.trim()
      }
      try {
        const first = run()
        expect(first).to.match(/^http:\/\/localhost:3000\/setup\/[\w-]{32}$/)
        const second = run()
        expect(second)
          .to.match(/\/setup\/[\w-]{32}$/)
          .and.not.equal(first)
      } finally {
        await postgres?.drop()
        rmSync(dataDir, { recursive: true, force: true })
      }
    })
})
