/** `ostiary resource-server` as an operator runs it. */
import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { newPostgresDatabase } from '../support/backends.ts'
import { ostiary } from '../support/command.ts'

describe('ostiary resource-server', function () {
  this.timeout(180_000)
  let database: Awaited<ReturnType<typeof newPostgresDatabase>>
  before(async () => {
    database = await newPostgresDatabase()
  })
  after(() => database?.drop())
  const declared = 'https://declared.example'
  const settings = {
    OSTIARY_SECRET_KEY: randomBytes(32).toString('base64'),
    RESOURCE_SERVERS: JSON.stringify([{ audience: declared, scopes: ['read'] }]),
  }
  const run = (...args: string[]) =>
    ostiary({ ...settings, DATABASE_URL: database.url }, ['resource-server', ...args])
  const audience = 'https://orders.example/api'

  it('lists, adds, updates, disables, enables and removes', () => {
    expect(run('list').stdout).to.equal('There are no resource servers yet.\n')
    const options = [
      '--scope',
      'read=See your orders',
      '--scope',
      'write',
      '--name',
      'Order book',
      '--publish',
    ]
    const added = run('add', audience, ...options, '--clients', 'web, spa')
    expect([added.status, added.stderr]).to.deep.equal([0, ''])
    expect(added.stdout).to.equal(
      [
        `${audience}  Order book`,
        '  (JWT, ES256; 300 s; clients web, spa; metadata published)',
        '  read  See your orders',
        '  write\n',
      ].join('\n'),
    )
    const updated = run(
      'update',
      audience,
      '--no-publish',
      '--ttl',
      '60',
      '--format',
      'opaque',
      '--clients',
      'all',
    )
    expect(updated.stdout).to.include('  (opaque; 60 s; all clients)\n').and.to.include('Order book')
    expect(run('disable', audience).stdout).to.include('DISABLED')
    expect(run('enable', audience).stdout).to.not.include('DISABLED')
    const [listed] = JSON.parse(run('list', '--json').stdout) as object[]
    expect(listed).to.deep.include({ audience, tokenTtl: 60, tokenFormat: 'opaque', source: 'operator' })
    expect(run('remove', audience, '--yes').stdout).to.equal('There are no resource servers yet.\n')
  })

  it('refuses in a sentence, and changes nothing', () => {
    const refusals: [string[], RegExp][] = [
      [
        ['add', 'relative', '--scope', 'x'],
        /Nothing was changed: relative: audience must be an absolute URI/,
      ],
      [['add', audience], /scopes must have 1 to 200 entries/],
      [['add', audience, '--scope', 'openid'], /"openid" stands for claims about people/],
      [['update', audience, '--ttl', '60'], /is not known here/],
      [['remove', declared, '--yes'], /is declared in RESOURCE_SERVERS; change it there/],
    ]
    for (const [args, words] of refusals) {
      const { status, stdout, stderr } = run(...args)
      expect([status, stdout], args.join(' ')).to.deep.equal([1, ''])
      expect(stderr).to.match(words)
    }
    expect(run('list').stdout).to.equal('There are no resource servers yet.\n')
  })

  it('shows how it is used when it does not understand', () => {
    for (const args of [
      ['ad', audience],
      ['add'],
      ['list', audience],
      ['disable', audience, '--ttl', '1'],
      ['update', audience, '--ttl', 'x'],
      ['remove', audience],
      ['--tll', '1'],
    ]) {
      const { status, stderr } = run(...args)
      expect(status, args.join(' ')).to.equal(2)
      expect(stderr).to.include('Usage: ostiary resource-server ')
    }
    expect(run('help').stdout).to.match(/^Usage: ostiary resource-server /)
  })
})
