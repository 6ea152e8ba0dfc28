/** What holds for all of `ostiary`: help, examples, JSON, exit codes, progress, and the Node it runs on. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import type { Command } from 'commander'
import { ostiary as program } from '../../src/cli/program.ts'
import { progress } from '../../src/cli/progress.ts'
import { lockDirectory } from '../../src/storage/sql/directory-lock.ts'
import { freePort } from '../support/child-service.ts'
import { ostiary } from '../support/command.ts'
import { ROOT } from '../support/source-tree.ts'

/** Commands that do something, by their words. */
function leaves(command: Command, words: readonly string[] = []): [string, Command][] {
  return command.commands.flatMap((one) => {
    const path = [...words, one.name()]
    return one.commands.length > 0 ? leaves(one, path) : [[path.join(' '), one] as [string, Command]]
  })
}

describe('the ostiary command', function () {
  this.timeout(120_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-frame-'))
  const settings = { DATA_DIR: folder }
  after(() => rmSync(folder, { recursive: true, force: true }))
  const run = (...words: string[]) => ostiary(settings, words)

  it('explains every command, with an example of it and --json', () => {
    const all = leaves(program())
    expect(all.length).to.be.above(20)
    for (const [words, command] of all) {
      let help = ''
      command.configureOutput({ writeOut: (text) => (help += text) })
      command.outputHelp()
      expect(help, words).to.include(`Usage: ostiary ${words}`)
      expect(help, words).to.match(/\n {2}--json /)
      expect(help, words).to.match(new RegExp(`\\nExamples?:\\n {2}ostiary ${words}\\b`))
      expect(command.summary(), words).to.not.equal('')
    }
  })

  it('knows no command twice, and each group says what it is', () => {
    const names = leaves(program()).map(([words]) => words)
    expect(new Set(names).size).to.equal(names.length)
    for (const group of program().commands) expect(group.summary(), group.name()).to.not.equal('')
  })

  it('answers wrong usage with exit code 2: what is wrong, what was meant, how it is used', () => {
    const mistyped = run('cleint')
    expect([mistyped.status, mistyped.stdout]).to.deep.equal([2, ''])
    expect(mistyped.stderr).to.match(/^error: unknown command 'cleint'\n\(Did you mean client\?\)\n\nUsage: /)
    for (const words of [
      [],
      ['client'],
      ['client', 'lint', '--srtict'],
      ['explain'],
      ['key', 'rotate', 'HS1'],
    ]) {
      const { status, stdout, stderr } = run(...words)
      expect([status, stdout], words.join(' ')).to.deep.equal([2, ''])
      expect(stderr).to.include('Usage: ostiary')
    }
  })

  it('says as JSON what is JSON, on either stream, and nothing beside it', () => {
    const wrong = run('client', 'lint', '--json', '--srtict')
    expect([wrong.status, wrong.stdout]).to.deep.equal([2, ''])
    expect(JSON.parse(wrong.stderr)).to.deep.equal({
      error: { code: 'usage', message: "unknown option '--srtict'\n(Did you mean --strict?)" },
    })
    const faulty = ostiary({ ...settings, PORT: 'x', LOG_LEVEL: 'loud' }, ['client', 'lint', '--json'])
    expect([faulty.status, faulty.stdout]).to.deep.equal([1, ''])
    const { error } = JSON.parse(faulty.stderr)
    expect(error.code).to.equal('invalid_configuration')
    expect(error.faults.map(({ name }: { name: string }) => name)).to.have.members(['PORT', 'LOG_LEVEL'])
    const away = ostiary({ ...settings, DATABASE_URL: 'postgres://u:p@127.0.0.1:1/x' }, [
      'key',
      'list',
      '--json',
    ])
    expect([away.status, away.stdout]).to.deep.equal([1, ''])
    expect(JSON.parse(away.stderr).error.code).to.equal('database_unavailable')
  })

  it('begins nothing dangerous that nobody said yes to', () => {
    const { status, stdout, stderr } = run('migrate', 'down')
    expect([status, stdout]).to.deep.equal([2, ''])
    expect(stderr).to.include('Add --yes to do it.')
  })

  it('has an exit code for "done, and there is something to do"', () => {
    const before = run('migrate', 'status', '--json')
    expect(before.status).to.equal(3)
    expect(JSON.parse(before.stdout).pending).to.not.deep.equal([])
    expect(run('migrate').status).to.equal(0)
    const after = run('migrate', 'status', '--json')
    expect([after.status, JSON.parse(after.stdout).pending]).to.deep.equal([0, []])
  })

  it('says what to do when the server has the embedded database open', async () => {
    const lock = await lockDirectory(folder)
    if (!('release' in lock)) throw new Error('somebody else has it')
    try {
      const { status, stderr } = run('client', 'lint')
      expect(status).to.equal(1)
      expect(stderr).to.include(`is in use by process ${process.pid}.`)
      expect(stderr).to.include('a command runs while Ostiary is stopped')
      expect(JSON.parse(run('client', 'lint', '--json').stderr).error.code).to.equal('database_in_use')
    } finally {
      await lock.release()
    }
  })

  it('ends in peace when its reader has read enough', async () => {
    for (const words of [['--help'], ['plan', '--schema']]) {
      const env = { PATH: process.env.PATH, ...settings }
      const child = spawn(join(ROOT, 'bin/ostiary'), words, { env, stdio: ['ignore', 'pipe', 'pipe'] })
      child.stdout.destroy()
      let stderr = ''
      child.stderr.on('data', (chunk) => (stderr += chunk))
      expect([(await once(child, 'close'))[0], stderr], words.join(' ')).to.deep.equal([0, ''])
    }
  })

  it('is an executable', () => {
    const { status, stdout } = spawnSync(join(ROOT, 'bin/ostiary'), ['--version'], { encoding: 'utf8' })
    expect([status, stdout]).to.deep.equal([0, `${program().version()}\n`])
  })

  it('shows progress where somebody looks, a line now and then in a log', () => {
    const drawn = (isTTY: boolean): string => {
      let text = ''
      let time = 0
      const out = { isTTY, write: (more: string) => (text += more) }
      const shown = progress('people', out, () => time)
      for (let done = 0; done <= 100; done += 1) {
        shown.at(done, 100)
        time += 250
      }
      shown.end()
      return text
    }
    expect(drawn(true))
      .to.include('[############            ] 50 of 100 people')
      .and.satisfy((text: string) => text.endsWith('\r\x1b[K'))
    expect(drawn(false)).to.equal('40 of 100 people\n80 of 100 people\n')
  })
})

describe('ostiary start', function () {
  this.timeout(180_000)
  const folder = mkdtempSync(join(tmpdir(), 'ostiary-start-'))
  after(() => rmSync(folder, { recursive: true, force: true }))

  it('serves, and ends well when it is told to', async () => {
    const [port, samples] = [await freePort(), await freePort()]
    const env = {
      PATH: process.env.PATH,
      DATA_DIR: folder,
      PORT: String(port),
      SAMPLES_PORT: String(samples),
    }
    const child = spawn(join(ROOT, 'bin/ostiary'), ['start'], { env, stdio: ['ignore', 'pipe', 'inherit'] })
    try {
      const ended = once(child, 'close')
      let log = ''
      for await (const chunk of child.stdout) {
        log += chunk
        if (log.includes('Stop with Ctrl+C')) break
      }
      expect((await fetch(`http://localhost:${port}/health/ready`)).status).to.equal(200)
      child.kill('SIGTERM')
      expect((await ended)[0]).to.equal(0)
    } finally {
      child.kill('SIGKILL')
    }
  })
})
