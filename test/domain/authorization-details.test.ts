/** Types of authorization details: which files are taken, how a detail reads, what is too much. */
import { expect } from 'chai'
import { readTypes, TypesError } from '../../src/domain/authorization/declare.ts'
import { describe as inWords } from '../../src/domain/authorization/describe.ts'
import { isSame } from '../../src/domain/authorization/json.ts'
import { beyondLimits } from '../../src/domain/authorization/limits.ts'
import { wholeSchema } from '../../src/domain/authorization/schema.ts'
import { PAYMENT, TYPES } from '../support/authorization-types.ts'

const SCHEMA = { type: 'object', properties: { to: { type: 'string' } }, required: ['to'] }
const good = { type: 't', title: 'T', template: 'pay {{to}}', schema: SCHEMA }
const field = (part: unknown) => ({ ...good, schema: { ...SCHEMA, properties: { to: part } } })

function faultsOf(entry: unknown): string {
  try {
    readTypes({ types: [entry] })
  } catch (error) {
    expect(error).to.be.instanceOf(TypesError)
    return (error as Error).message
  }
  return ''
}

/** The sentence as text, with its values in brackets. */
function read(type: unknown, detail: Record<string, unknown>): string {
  const [one] = readTypes({ types: [type] })
  const { sentence } = inWords(one!, { type: one!.name, ...detail })!
  return sentence.map(({ kind, text }) => (kind === 'value' ? `[${text}]` : text)).join('')
}

describe('a file of authorization details types', () => {
  it('is taken when it is right', () => {
    expect(faultsOf(good)).to.equal('')
    expect(readTypes({ types: TYPES }).map(({ name }) => name)).to.include('payment_initiation')
  })

  const WRONG: [what: string, entry: unknown, says: string][] = [
    ['a member that there is not', { ...good, scheme: {} }, 'there is no member "scheme"'],
    ['a name with a space', { ...good, type: 'a b' }, 'type must be printable'],
    ['no title', { ...good, title: ' ' }, 'title must be'],
    ['a title read backwards', { ...good, title: 'a\u202eb' }, 'title must be'],
    ['a location that is no address', { ...good, locations: ['here'] }, 'locations must be'],
    ['an unknown ask', { ...good, ask: 'never' }, 'ask must be'],
    ['a text for a yes or no', { ...good, self_registered: 'yes' }, 'self_registered must be'],
    ['no schema', { ...good, schema: undefined }, 'schema must be a JSON Schema'],
    ['a condition', { ...good, schema: { ...SCHEMA, if: {} } }, 'schema.if is not supported'],
    ['a reference', field({ $ref: '#/x' }), 'schema.properties.to.type must be one of'],
    ['alternatives', field({ type: 'string', anyOf: [] }), 'schema.properties.to.anyOf is not supported'],
    ['two types at once', field({ type: ['string', 'null'] }), 'schema.properties.to.type must be one of'],
    ['an open object', { ...good, schema: { ...SCHEMA, additionalProperties: true } }, 'must be false'],
    [
      'a field that is required and not there',
      { ...good, schema: { ...SCHEMA, required: ['from'] } },
      'names "from"',
    ],
    [
      'actions that are required and none',
      { ...good, schema: { ...SCHEMA, required: ['actions', 'to'] } },
      'allows none',
    ],
    [
      'a field of the standard',
      { ...good, schema: { ...SCHEMA, properties: { type: {} } } },
      'must not describe "type"',
    ],
    ['an unknown format', field({ type: 'string', format: 'iban' }), 'format must be one of'],
    ['a pattern that can take for ever', field({ type: 'string', pattern: '(a+)+$' }), 'repeats no groups'],
    ['a pattern that is none', field({ type: 'string', pattern: '[' }), 'pattern must be'],
    ['a length that is no number', field({ type: 'string', maxLength: '5' }), 'maxLength must be a number'],
    ['a list without items', field({ type: 'array' }), 'schema.properties.to.items must be an object'],
    ['a template with a hole', { ...good, schema: { ...SCHEMA, required: [] } }, 'the sentence has a hole'],
    ['a template of an unknown field', { ...good, template: '{{from}}' }, 'no field "from"'],
    [
      'a template that reaches further',
      { ...good, template: '{{constructor.name}}' },
      'no field "constructor.name"',
    ],
    ['a template with code', { ...good, template: '{{to + 1}}' }, 'is no {{path}}'],
    [
      'a template with an unknown helper',
      { ...good, template: '{{to | eval}}' },
      'there is no helper "eval"',
    ],
    [
      'a template with half a placeholder',
      { ...good, template: 'pay {{to}' },
      'a brace that is no placeholder',
    ],
    ['money without a currency', { ...good, template: '{{to | money}}' }, 'must require amount and currency'],
    ['an object as a value', { ...field({ type: 'object', properties: {} }) }, 'is not a single value'],
  ]
  for (const [what, entry, says] of WRONG)
    it(`is refused for ${what}`, () => expect(faultsOf(entry)).to.include(says))

  it('is refused when a type is there twice, or there is no list', () => {
    expect(() => readTypes({ types: [good, good] })).to.throw('is there twice')
    expect(() => readTypes([good])).to.throw('{"types": [...]}')
  })

  it('has schemas that are closed all the way in', () => {
    const [payment] = readTypes({ types: TYPES })
    const whole = JSON.stringify(wholeSchema(payment!))
    expect(whole.match(/"additionalProperties":false/g)).to.have.length(3)
  })
})

describe('a detail in words', () => {
  it('is a sentence, and below it every field that the sentence does not show', () => {
    const [payment] = readTypes({ types: TYPES })
    const { sentence, fields } = inWords(payment!, PAYMENT)!
    expect(sentence).to.deep.equal([
      { kind: 'text', text: 'Pay ' },
      { kind: 'value', text: '1,234.50 EUR' },
      { kind: 'text', text: ' to ' },
      { kind: 'value', text: 'Merchant A' },
    ])
    expect(fields).to.deep.equal([
      { name: ['actions'], values: ['initiate'] },
      { name: ['locations'], values: ['https://payments.example.org'] },
      { name: ['Account', 'IBAN'], values: ['DE02100100109307118603'] },
      { name: ['Reference'], values: ['Invoice 7'] },
    ])
  })

  it('leaves out nothing of lists, empty things and lists of objects', () => {
    const [type] = readTypes({ types: [good] })
    const { fields } = inWords(type!, {
      ...{ type: 't', to: 'x', none: [], rows: [{ a: 1 }, { a: false }], deep: [['q']] },
    })!
    expect(fields).to.deep.equal([
      { name: ['none'], values: [] },
      { name: ['rows', '1', 'a'], values: ['1'] },
      { name: ['rows', '2', 'a'], values: ['false'] },
      { name: ['deep', '1'], values: ['q'] },
    ])
  })

  it('shows a field again whose path only looks like one in the sentence', () => {
    const nested = { type: 'object', properties: { to: { type: 'string' } } }
    const type = { ...good, schema: { ...SCHEMA, properties: { ...SCHEMA.properties, more: nested } } }
    const { fields } = inWords(readTypes({ types: [type] })[0]!, { type: 't', to: 'x', more: { to: 'y' } })!
    expect(fields).to.deep.equal([{ name: ['more', 'to'], values: ['y'] }])
  })

  const HELPED: [helper: string, value: unknown, words: string][] = [
    ['number', 1234567.5, '1,234,567.5'],
    ['number', '12345678901234567890.10', '12,345,678,901,234,567,890.10'],
    ['number', '-1000', '-1,000'],
    ['number', '1e9', '1e9'],
    ['number', '٣', '٣'],
    ['date', '2026-11-21', '21 November 2026'],
    ['date', '2026-02-31', '2026-02-31'],
    ['date', 'soon', 'soon'],
  ]
  for (const [helper, value, words] of HELPED)
    it(`reads ${JSON.stringify(value)} as ${helper}: ${words}`, () => {
      expect(read({ ...good, template: `{{to | ${helper}}}` }, { to: value })).to.equal(`[${words}]`)
    })

  it('has no words where the type was changed meanwhile and the sentence would have a hole', () => {
    const [type] = readTypes({ types: [good] })
    for (const to of [undefined, null, {}, ['x']])
      expect(inWords(type!, { type: 't', to })).to.equal(undefined)
  })

  it('runs nothing that is in a value', () => {
    expect(read(good, { to: '{{to}} <b>$&</b>' })).to.equal('Pay [{{to}} <b>$&</b>]')
  })
})

describe('limits of authorization details', () => {
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)])
  const LIMITED: [what: string, details: unknown[], says: string][] = [
    ['more than ten', Array(11).fill({}), 'at most 10 details'],
    [
      '101 values',
      [{ a: Array.from({ length: 60 }, (_, n) => n), b: Array(41).fill(1) }],
      'at most 100 values',
    ],
    ['101 empty objects', [{ a: Array(101).fill({}) }], 'at most 100 values'],
    ['too deep', [nested(6)], 'deeper than 6'],
    ['an endless number', [JSON.parse('{"a":1e999}')], 'finite'],
    ['a poisoned name', [JSON.parse('{"__proto__":1}')], 'plain names'],
    ['a name read backwards', [{ 'a\u202e': 1 }], 'plain names'],
    ['half a character', [{ a: '\ud800' }], 'control or invisible'],
    ['a letter under a pile of marks', [{ a: `a${'\u0301'.repeat(9)}` }], 'control or invisible'],
  ]
  for (const [what, details, says] of LIMITED)
    it(`refuse ${what}`, () => expect(beyondLimits(details)).to.include(says))

  it('let through what people write', () => {
    const texts = [
      'Ünïcode',
      'خرید از فروشگاه می\u200cروم',
      '日本語',
      'e\u0301',
      '👨\u200d👩\u200d👧',
      'a "b" <c> & d',
    ]
    expect(beyondLimits([{ texts }, PAYMENT])).to.equal(undefined)
  })
})

it('two details are the same in whatever order their members come, and not otherwise', () => {
  expect(isSame({ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] }, a: 1 })).to.equal(true)
  expect(isSame({ a: [1, 2] }, { a: [2, 1] })).to.equal(false)
  expect(isSame({ a: '1' }, { a: 1 })).to.equal(false)
  expect(isSame({ a: null }, {})).to.equal(false)
})
