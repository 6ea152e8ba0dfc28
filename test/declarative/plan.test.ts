/** Reading a file of declarations, and comparing it with what is there: pure, by tables. */
import { expect } from 'chai'
import { readDeclarations } from '../../src/declarative/document.ts'
import { jsonSchema, METADATA_MEMBERS } from '../../src/declarative/shapes.ts'
import { planAsText } from '../../src/domain/declarative/as-text.ts'
import { isSamePlan, keyOf, planOf, type State, type Wanted } from '../../src/domain/declarative/plan.ts'
import { webClient } from '../support/relying-party.ts'

describe('plans of declarations', () => {
  const ref = { kind: 'clients', id: 'web' } as const
  const state = (value?: object): State =>
    new Map(value ? [[keyOf(ref), { ...ref, value: value as Record<string, unknown> }]] : [])
  const wanted = (value: object | 'absent'): Wanted[] => [{ ...ref, value: value as Record<string, unknown> }]
  const text = (file: object | 'absent', there?: object, applied?: object) =>
    planAsText(planOf(wanted(file), state(there), state(applied)))

  it('tell who made a difference', () => {
    const [a, b, c] = [{ client_name: 'A' }, { client_name: 'B' }, { client_name: 'C' }]
    const hand = 'changed by hand since the last apply'
    const cases: [string, string][] = [
      [text(a, a), 'Nothing to do.'],
      [text(a, a, b), 'Nothing to do.'],
      [text(a), '+ client web\n    + client_name: "A"\n1 to add, 0 to change, 0 to delete.'],
      [
        text(a, undefined, a),
        '+ client web  (removed by hand since the last apply)\n    + client_name: "A"\n1 to add, 0 to change, 0 to delete.',
      ],
      [text(b, a, a), '~ client web\n    ~ client_name: "A" -> "B"\n0 to add, 1 to change, 0 to delete.'],
      [
        text(a, b, a),
        `~ client web\n    ~ client_name: "B" -> "A"  (${hand})\n0 to add, 1 to change, 0 to delete.`,
      ],
      [
        text(a, b, c),
        `~ client web\n    ~ client_name: "B" -> "A"  (${hand}, and in the file)\n0 to add, 1 to change, 0 to delete.`,
      ],
      [
        text(a, { ...a, scope: 'x' }, a),
        `~ client web\n    - scope: "x"  (${hand})\n0 to add, 1 to change, 0 to delete.`,
      ],
      [
        text({ ...a, scope: 'x' }, a, a),
        '~ client web\n    + scope: "x"\n0 to add, 1 to change, 0 to delete.',
      ],
      [text('absent', a, a), '- client web\n0 to add, 0 to change, 1 to delete.'],
      [text('absent', b, a), `- client web  (${hand})\n0 to add, 0 to change, 1 to delete.`],
      [text('absent', undefined, a), 'Nothing to do.'],
      [
        text({ redirect_uris: ['https://a', 'https://c'] }, { redirect_uris: ['https://a', 'https://b'] }),
        '~ client web\n    ~ redirect_uris: -"https://b" +"https://c"\n0 to add, 1 to change, 0 to delete.',
      ],
    ]
    for (const [is, should] of cases) expect(is).to.equal(should)
  })

  it('never delete what the file never named, and what it named once only when told', () => {
    const [there, applied] = [state({ client_name: 'A' }), state({ client_name: 'A' })]
    expect(planOf([], there, new Map())).to.deep.equal({ steps: [], left: [] })
    expect(planOf([], there, new Map(), { deletes: () => true })).to.deep.equal({ steps: [], left: [] })
    const kept = planOf([], there, applied)
    expect(kept).to.deep.equal({ steps: [], left: [ref] })
    expect(planAsText(kept)).to.equal(
      '  client web is no longer in the file and stays; --delete takes it away\nNothing to do.',
    )
    expect(planOf([], there, applied, { deletes: () => true }).steps).to.deep.equal([
      { ...ref, do: 'delete', members: [], drift: false },
    ])
  })

  it('make what others stand on first, and take it away last', () => {
    const api = { kind: 'resource_servers', id: 'https://a' } as const
    const both: Wanted[] = [
      { ...ref, value: {} },
      { ...api, value: {} },
    ]
    const kinds = (plan: ReturnType<typeof planOf>) => plan.steps.map(({ kind }) => kind)
    expect(kinds(planOf(both, new Map(), new Map()))).to.deep.equal(['resource_servers', 'clients'])
    const there: State = new Map([...state({}), [keyOf(api), { ...api, value: {} }]])
    const gone = both.map(({ kind, id }): Wanted => ({ kind, id, value: 'absent' }))
    expect(kinds(planOf(gone, there, new Map()))).to.deep.equal(['clients', 'resource_servers'])
  })

  it('are the same only when they would do the same', () => {
    const one = planOf(wanted({ a: 1 }), state({ a: 2 }), new Map())
    expect(isSamePlan(one, planOf(wanted({ a: 1 }), state({ a: 2 }), new Map()))).to.equal(true)
    expect(isSamePlan(one, planOf(wanted({ a: 1 }), state({ a: 3 }), new Map()))).to.equal(false)
  })

  it('quote nothing that moves the cursor or turns the writing round', () => {
    const shown = text({ client_name: 'a\u001b[2J\u202eb\u2028c' })
    expect(shown).to.include('"a\\u001b[2J\\u202eb\\u2028c"')
    for (const character of '\u001b\u202e\u2028') expect(shown).to.not.include(character)
  })
})

describe('a file of declarations', () => {
  const read = (text: string) => readDeclarations('o.yaml', text)
  const fault = (text: string): string => {
    try {
      read(text)
    } catch (error) {
      return (error as Error).message
    }
    throw new Error(`it was read: ${text}`)
  }

  it('is YAML or JSON', () => {
    const entries = [
      { kind: 'resource_servers', id: 'https://a', value: { scopes: ['read'] } },
      { kind: 'clients', id: 'web', value: { redirect_uris: ['https://app/cb'], secret: { env: 'X' } } },
      { kind: 'clients', id: 'old', value: 'absent' },
    ]
    const yaml = `
clients:
  web: { redirect_uris: ['https://app/cb'], secret: { env: X } }
  old: { state: absent }
resource_servers:
  https://a:
    state: present
    scopes: [read]
`
    expect(read(yaml).entries).to.deep.equal(entries)
    const json = {
      clients: { web: entries[1]?.value, old: { state: 'absent' } },
      resource_servers: { 'https://a': { scopes: ['read'] } },
    }
    expect(read(JSON.stringify(json, undefined, 2)).entries).to.deep.equal(entries)
    expect(read('').entries).to.deep.equal([])
  })

  it('is refused with line and column, and what was meant', () => {
    const cases: [string, string][] = [
      [
        'clients:\n  web:\n    redirect_uri: []\n',
        'o.yaml:3:5: there is no "redirect_uri" here; did you mean "redirect_uris"?',
      ],
      ['client: {}\n', 'o.yaml:1:1: there is no "client" here; did you mean "clients"?'],
      [
        'clients:\n  web:\n    redirect_uris: x\n',
        'o.yaml:3:5: redirect_uris: Invalid input: expected array, received string',
      ],
      ['clients:\n  web:\n    secret: plain\n', 'o.yaml:3:5: secret: Invalid input'],
      ['clients:\n  web:\n    client_secret: plain\n', 'o.yaml:3:5: there is no "client_secret" here'],
      [
        'clients:\n  web:\n    state: absent\n    scope: x\n',
        'o.yaml:3:5: what is absent has no other members: leave them out',
      ],
      ['clients:\n  "a b": {}\n', 'o.yaml:2:3: "a b" must be printable ASCII without spaces'],
      ['clients:\n  web: {}\n  web: {}\n', 'o.yaml:3:3: Map keys must be unique'],
      ['clients:\n  web: {\n', 'o.yaml:'],
      ['clients: !!js/function x\n', 'o.yaml:1:10: Unresolved tag: tag:yaml.org,2002:js/function'],
      [
        '{"clients": {"web": {"scopes": 1}}}',
        'o.yaml:1:22: there is no "scopes" here; did you mean "scope"?',
      ],
    ]
    for (const [text, begins] of cases) expect(fault(text).slice(0, begins.length), text).to.equal(begins)
    expect(fault('authorization_types:\n  pay: { state: absent }\n')).to.include(
      'o.yaml:2:10: there is no "state" here',
    )
    const both = fault('clients:\n  a:\n    nme: x\n  b:\n    scop: y\n').split('\n')
    expect(both).to.have.length(2)
  })

  it('stays small, however its aliases multiply', () => {
    const lines = ['a: &a [x, x, x, x, x, x, x, x, x]']
    for (const [name, of] of [...'bcdefghi'].map((letter, at) => [letter, 'abcdefghi'[at]]))
      lines.push(`${name}: &${name} [${Array(9).fill(`*${of}`).join(', ')}]`)
    expect(fault(lines.join('\n'))).to.match(/Excessive alias count/)
  })

  it('cannot reach what all objects share', () => {
    expect(fault('__proto__:\n  polluted: true\n')).to.include('there is no "__proto__" here')
    expect(({} as { polluted?: boolean }).polluted).to.equal(undefined)
  })

  it('knows the client metadata that the rest of Ostiary knows', () => {
    const { client_id: _, client_secret: __, ...metadata } = webClient()
    for (const member of Object.keys(metadata)) expect(METADATA_MEMBERS).to.include(member)
    const { properties } = jsonSchema() as {
      properties: { clients: { additionalProperties: { properties: object } } }
    }
    expect(properties.clients.additionalProperties.properties).to.include.keys(
      'redirect_uris',
      'secret',
      'profile',
    )
  })
})
