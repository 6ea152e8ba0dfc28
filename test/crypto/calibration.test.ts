/** Proposals for the settings of hashing: as strong as the time allows, and never weaker than the floor. */
import { expect } from 'chai'
import { loadConfig } from '../../src/config/load.ts'
import { calibrate } from '../../src/crypto/calibration.ts'
import { ARGON2_FLOOR } from '../../src/crypto/password-hasher.ts'
import type { Argon2Parameters } from '../../src/crypto/phc.ts'
import { ostiary } from '../support/command.ts'

/** A machine whose caches make small hashes cheaper than large ones. */
const machine =
  (speed: number) =>
  async ({ memory, passes }: Argon2Parameters): Promise<number> =>
    (memory * passes * (1 + memory / 1_000_000)) / speed
const PLENTY = 4_000_000

describe('calibration of argon2', () => {
  it('gives as much memory as the time allows', async () => {
    for (const speed of [2000, 5000, 20_000])
      for (const targetMs of [30, 100, 250, 1000]) {
        const found = await calibrate({ measure: machine(speed), targetMs, mostMemory: PLENTY })
        const floorMs = await machine(speed)(ARGON2_FLOOR)
        expect(found.memory).to.be.at.least(ARGON2_FLOOR.memory)
        if (floorMs > targetMs) {
          expect(found).to.include(ARGON2_FLOOR)
          continue
        }
        expect(found.milliseconds, `${speed}, ${targetMs}`).to.be.within(
          Math.max(floorMs, targetMs * 0.8),
          targetMs,
        )
        expect(found.passes).to.equal(2)
      }
  })

  it('gives passes once there is no more memory to give', async () => {
    const found = await calibrate({ measure: machine(20_000), targetMs: 250, mostMemory: 262_500 })
    expect(found.memory, 'whole MiB').to.equal(262_144)
    expect(found.passes).to.be.above(2)
    expect(found.milliseconds).to.be.within(200, 250)
  })

  it('stays at the floor on a machine that is too slow or too small for more', async () => {
    const slow = await calibrate({ measure: machine(100), targetMs: 50, mostMemory: PLENTY })
    expect(slow).to.include(ARGON2_FLOOR)
    expect(slow.milliseconds).to.be.above(50)
    const small = await calibrate({ measure: machine(5000), targetMs: 8, mostMemory: 1000 })
    expect(small).to.include(ARGON2_FLOOR)
  })

  it('as a command: prints settings that Ostiary takes, and says what is wrong with an argument', () => {
    const run = (...args: string[]) => ostiary({}, ['hashing', ...args])
    const { stdout, status } = run('--target', '40')
    expect(status).to.equal(0)
    const settings = Object.fromEntries(
      [...stdout.matchAll(/^([A-Z0-9_]+)=(\d+)$/gm)].map(([, name, value]) => [name, value]),
    )
    expect(Object.keys(settings)).to.deep.equal(['ARGON2_MEMORY_KIB', 'ARGON2_ITERATIONS', 'HASHING_SLOTS'])
    const { config } = loadConfig({
      OSTIARY_SECRET_KEY: Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64'),
      DATABASE_URL: 'postgres://localhost/x',
      ...settings,
    })
    expect(config.hashing.memoryKiB).to.be.at.least(ARGON2_FLOOR.memory)
    const wrong = run('--target', 'soon')
    expect(wrong.status).to.equal(2)
    expect(wrong.stderr).to.include('It must be a whole number from 10 to 2000')
  }).timeout(120_000)
})
