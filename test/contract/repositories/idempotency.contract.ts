import { expect } from 'chai'
import type { SqlInstance } from '../../support/backends.ts'
import { sampleUser, token } from '../../support/samples.ts'

export function idempotencyContract(instance: () => SqlInstance): void {
  const store = () => instance().database.idempotency
  const age = (column: 'leased_until' | 'expires_at') =>
    instance()
      .connection.knex('idempotency_keys')
      .update(column, instance().connection.knex.raw("now() - interval '1 second'"))

  it('gives the work to one of 16, and its answer to all who come later', async () => {
    const key = token()
    const claims = await Promise.all(Array.from({ length: 16 }, () => store().claim(key, 'content')))
    const states = claims.map(({ state }) => state).sort()
    expect(states).to.deep.equal([...Array(15).fill('in flight'), 'won'])
    await store().keep(key, '{"a":"the answer"}')
    expect(await store().claim(key, 'content')).to.deep.equal({ state: 'done', answer: '{"a":"the answer"}' })
    await store().keep(key, 'a later one')
    expect(await store().claim(key, 'content')).to.have.property('answer', '{"a":"the answer"}')
    expect(await store().claim(key, 'other')).to.deep.equal({ state: 'other content' })
  })

  it('gives it to another when nothing came of it', async () => {
    const key = token()
    expect(await store().claim(key, 'content')).to.deep.equal({ state: 'won' })
    expect(await store().claim(key, 'other')).to.deep.equal({ state: 'other content' })
    await store().release(key)
    expect(await store().claim(key, 'other')).to.deep.equal({ state: 'won' })
    await store().keep(key, 'done')
    await store().release(key)
    expect(await store().claim(key, 'other'), 'what is done stays done').to.have.property('state', 'done')
  })

  it('gives it to one of 16 when whoever had it is gone, and forgets it after a day', async () => {
    const key = token()
    await store().claim(key, 'content')
    await age('leased_until')
    expect(await store().claim(key, 'other')).to.deep.equal({ state: 'other content' })
    const claims = await Promise.all(Array.from({ length: 16 }, () => store().claim(key, 'content')))
    expect(claims.filter(({ state }) => state === 'won')).to.have.length(1)
    await store().keep(key, 'done')
    await age('expires_at')
    expect(await store().claim(key, 'other')).to.deep.equal({ state: 'won' })
  })

  it('lets go of an answer with the person it names, and makes nobody anew under its key', async () => {
    const { users } = instance().database
    const [gone, stays] = [await users.insert(sampleUser()), await users.insert(sampleUser())]
    const keys = new Map([gone, stays].map(({ id }) => [id, token()]))
    for (const [id, key] of keys) {
      await store().claim(key, 'content')
      await store().keep(key, `{"id":"${id}"}`, id)
    }
    await users.delete(gone.id)
    const [of, kept] = [keys.get(gone.id) ?? '', keys.get(stays.id) ?? '']
    await age('leased_until')
    expect(await store().claim(of, 'content')).to.deep.equal({ state: 'other content' })
    expect(await store().claim(kept, 'content')).to.have.property('state', 'done')
    const left = await instance().connection.knex('idempotency_keys').where({ person: gone.id })
    expect(left.map(({ answer, fingerprint }) => [answer, fingerprint.length])).to.deep.equal([[null, 0]])
    await age('expires_at')
    expect(await store().claim(of, 'content'), 'a day later').to.deep.equal({ state: 'won' })
  })

  it('keeps neither key nor content nor answer in the clear', async () => {
    const key = token('the-key-')
    await store().claim(key, 'the-content')
    await store().keep(key, 'the-answer')
    const rows = await instance().connection.knex('idempotency_keys').select('*')
    const text = rows
      .map((row) =>
        Object.values(row)
          .map((value) =>
            Buffer.isBuffer(value) || value instanceof Uint8Array
              ? Buffer.from(value).toString('latin1')
              : String(value),
          )
          .join(),
      )
      .join()
    for (const secret of [key, 'the-content', 'the-answer']) expect(text).to.not.include(secret)
  })
}
