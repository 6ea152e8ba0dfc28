/** One process at a time has an embedded database open; a killed one does not stand in the way. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { DataDirectoryError } from '../../src/storage/faults.ts'
import { connectPglite } from '../../src/storage/sql/connect-pglite.ts'
import { lockDirectory } from '../../src/storage/sql/directory-lock.ts'
import { storesOn } from '../support/backends.ts'

const HOLDER = fileURLToPath(new URL('./pglite-holder.ts', import.meta.url))

describe('the data directory of the embedded database', function () {
  this.timeout(60_000)
  let dataDir: string
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'ostiary-lock-'))
  })
  afterEach(() => rm(dataDir, { recursive: true, force: true }))

  const refusal = (directory: string): Promise<Error> =>
    connectPglite({ dataDir: directory }).then(
      () => Promise.reject(new Error('expected a refusal')),
      (error) => error,
    )

  it('is refused while another process has it, and taken over with its data when that was killed', async () => {
    const holder = spawn(process.execPath, [HOLDER, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      await once(holder.stdout, 'data')
      const error = await refusal(dataDir)
      expect(error).to.be.instanceOf(DataDirectoryError)
      expect(error.message).to.include(`in use by process ${holder.pid}`)
    } finally {
      holder.kill('SIGKILL')
    }
    await once(holder, 'exit')
    const connection = await connectPglite({ dataDir })
    expect(await storesOn(connection).database.settings.get('written by')).to.equal(holder.pid)
    await connection.close()
    expect((await readdir(dataDir)).filter((name) => name.includes('lock'))).to.deep.equal([])
  })

  it('is refused a second time in one process, and free again when closed', async () => {
    const connection = await connectPglite({ dataDir })
    expect((await refusal(dataDir)).message).to.include(`in use by process ${process.pid}`)
    await connection.close()
    await (await connectPglite({ dataDir })).close()
  })

  it('is taken over from an earlier run that had our process id, and from a lock that is no lock', async () => {
    for (const left of [
      JSON.stringify({ pid: process.pid, started: 'another-boot:1' }),
      '',
      '{"pid":-1}',
      '\0',
    ]) {
      await writeFile(join(dataDir, 'postgres.lock'), left)
      const lock = await lockDirectory(dataDir)
      if ('heldBy' in lock) throw new Error(`refused because of ${left}`)
      expect(JSON.parse(await readFile(join(dataDir, 'postgres.lock'), 'utf8')).pid).to.equal(process.pid)
      await lock.release()
    }
  })

  it('says in a sentence what is wrong with a directory it cannot use', async () => {
    const file = join(dataDir, 'file')
    await writeFile(file, 'not a directory')
    const unusable = await refusal(file)
    expect(unusable).to.be.instanceOf(DataDirectoryError)
    expect(unusable.message).to.include('cannot be read and written by this process').and.include(file)

    await (await connectPglite({ dataDir })).close()
    await rm(join(dataDir, 'postgres', 'global'), { recursive: true })
    const damaged = await refusal(dataDir)
    expect(damaged).to.be.instanceOf(DataDirectoryError)
    expect(damaged.message).to.include('could not be opened')
  })
})
