/** The unit of work on every SQL engine: read once, written whole or not at all, shared with its neighbours. */
import { expect } from 'chai'
import type { ArtifactModel } from '../../src/storage/artifact-store.ts'
import { ParentGoneError } from '../../src/storage/artifact-store.ts'
import type { Statement } from '../../src/storage/sql/connection.ts'
import type { UnitLost } from '../../src/storage/unit-of-work.ts'
import { type SqlInstance, selected, sqlBackends, storesOn } from '../support/backends.ts'
import { failure } from '../support/failure.ts'
import { token } from '../support/samples.ts'

for (const backend of selected(sqlBackends)) {
  describe(`unit of work on ${backend.name}`, () => {
    let whole: SqlInstance & { dispose(): Promise<void> }
    let stores: SqlInstance
    let reads: Statement[]
    let commits: Statement[]

    before(async function () {
      this.timeout(60_000)
      whole = await backend.fresh()
    })
    after(() => whole?.dispose())

    beforeEach(() => {
      reads = []
      commits = []
      const { connection } = whole
      // the real connection, with a record of what went over it
      const counted = {
        ...connection,
        read: <Row>(statement: Statement) => {
          reads.push(statement)
          return connection.read<Row>(statement)
        },
        commit: <Row>(statement: Statement) => {
          commits.push(statement)
          return connection.commit<Row>(statement)
        },
      }
      stores = storesOn(counted, whole.atRest)
    })

    const unit = <T>(work: () => Promise<T>) => stores.units.run(work)
    const found = async (model: ArtifactModel, id: string) =>
      (await whole.artifacts.find(model, id)) !== undefined
    const stored = async (model: ArtifactModel, payload = {}) => {
      const id = token()
      await whole.artifacts.upsert(model, id, payload, 60)
      return id
    }

    it('writes nothing before its end, sees its own writes, and then commits once', async () => {
      const [grantId, code, access] = [token(), token(), token()]
      await unit(async () => {
        await stores.artifacts.upsert('Grant', grantId, { accountId: 'a' }, 60)
        await stores.artifacts.upsert('AuthorizationCode', code, { grantId }, 60)
        await stores.artifacts.upsert('AccessToken', access, { grantId }, 60)
        expect(await stores.artifacts.find('Grant', grantId)).to.include({ accountId: 'a', jti: grantId })
        expect(await found('Grant', grantId), 'nobody else sees it yet').to.equal(false)
      })
      expect(await found('AccessToken', access)).to.equal(true)
      expect([reads.length, commits.length]).to.deep.equal([0, 1])
    })

    it('reads a row once, and what comes next before it is asked for', async () => {
      const grantId = await stored('Grant', { accountId: 'a' })
      const id = await stored('AccessToken', { grantId, accountId: 'a' })
      await unit(async () => {
        for (let again = 0; again < 3; again += 1) await stores.artifacts.find('AccessToken', id)
        await stores.artifacts.find('Grant', grantId)
      })
      expect(reads.filter(({ text }) => text.includes('oidc_access_tokens'))).to.have.length(1)
      expect(reads.filter(({ text }) => text.includes('oidc_grants'))).to.have.length(1)
      expect(commits).to.deep.equal([])
    })

    it('gives a fresh object each time: what the engine changes is not what was read', async () => {
      const id = await stored('Grant', { openid: { scope: 'openid' } })
      await unit(async () => {
        const first = await stores.artifacts.find('Grant', id)
        Object.assign(first?.openid as object, { scope: 'changed' })
        expect(await stores.artifacts.find('Grant', id)).to.deep.include({ openid: { scope: 'openid' } })
      })
    })

    it('gathers the look-ups and the commits of many requests', async () => {
      const ids = await Promise.all(Array.from({ length: 20 }, () => stored('AccessToken')))
      await Promise.all(
        ids.map((id) =>
          unit(async () => {
            await stores.artifacts.find('AccessToken', id)
            await stores.artifacts.upsert('ClientCredentials', id, {}, 60)
          }),
        ),
      )
      expect(reads.length).to.be.lessThan(4)
      expect(commits.length).to.be.lessThan(6)
      for (const id of ids) expect(await found('ClientCredentials', id)).to.equal(true)
    })

    it('lets one of many units win, and writes nothing of the others', async () => {
      const code = await stored('AuthorizationCode')
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, async () => {
          const issued = token()
          const lost = await failure(
            unit(async () => {
              expect(await stores.artifacts.consume('AuthorizationCode', code)).to.equal(true)
              await stores.artifacts.upsert('AccessToken', issued, {}, 60)
              await stores.artifacts.upsert('RefreshToken', issued, {}, 60)
            }),
          ).catch(() => undefined)
          return {
            lost,
            written: (await found('AccessToken', issued)) || (await found('RefreshToken', issued)),
          }
        }),
      )
      expect(outcomes.filter(({ lost }) => lost === undefined)).to.have.length(1)
      for (const { lost, written } of outcomes) {
        expect(written).to.equal(lost === undefined)
        if (lost) expect((lost as UnitLost).model).to.equal('AuthorizationCode')
      }
    })

    it('says nothing after a commit that failed, and everything after one that did not', async () => {
      const said: string[] = []
      const code = await stored('AuthorizationCode')
      const redeem = (name: string) =>
        unit(async () => {
          stores.units.afterCommit(() => said.push(name))
          await stores.artifacts.consume('AuthorizationCode', code)
          expect(said).to.not.include(name)
        })
      await redeem('first')
      await failure(redeem('second'))
      expect(said).to.deep.equal(['first'])
      stores.units.afterCommit(() => said.push('outside'))
      expect(said).to.deep.equal(['first', 'outside'])
    })

    it('drops everything of an answer that is an error of ours', async () => {
      const id = token()
      await stores.units.run(() => stores.artifacts.upsert('Grant', id, {}, 60), { keep: () => false })
      expect(await found('Grant', id)).to.equal(false)
      await failure(
        unit(async () => {
          await stores.artifacts.upsert('Grant', id, {}, 60)
          throw new Error('in the middle')
        }),
      )
      expect(await found('Grant', id)).to.equal(false)
    })

    it('does not let one bad unit fail its neighbours', async () => {
      const good = Array.from({ length: 6 }, () => token())
      const outcomes = await Promise.allSettled([
        ...good.map((id) => unit(() => stores.artifacts.upsert('AccessToken', id, {}, 60))),
        unit(() => stores.artifacts.upsert('AccessToken', token(), { grantId: token() }, 60)),
      ])
      expect(outcomes.map(({ status }) => status)).to.deep.equal([...Array(6).fill('fulfilled'), 'rejected'])
      const [bad] = outcomes.filter((outcome) => outcome.status === 'rejected')
      expect(bad?.reason).to.be.instanceOf(ParentGoneError)
      for (const id of good) expect(await found('AccessToken', id)).to.equal(true)
    })

    it('merges what two requests at once sign the same session in to', async () => {
      const [uid, id, accountId] = [token(), token(), token()]
      const session = { uid, accountId, loginTs: 1 }
      await whole.artifacts.upsert('Session', id, session, 600)
      const grants = [await stored('Grant', { accountId }), await stored('Grant', { accountId })] as const
      const signIn = (client: string, grantId: string) =>
        unit(async () => {
          const found = await stores.artifacts.find('Session', id)
          const authorizations = { ...(found?.authorizations as object), [client]: { sid: client, grantId } }
          await stores.artifacts.upsert('Session', id, { ...found, authorizations }, 600)
        })
      await Promise.all([signIn('one', grants[0]), signIn('two', grants[1])])
      const after = await whole.artifacts.find('Session', id)
      expect(Object.keys(after?.authorizations as object).sort()).to.deep.equal(['one', 'two'])
      await whole.artifacts.endSession(uid)
      for (const grant of grants) expect(await found('Grant', grant), 'ends with its session').to.equal(false)
    })

    it('signs a session out of one app, and keeps what another request signed it in to meanwhile', async () => {
      const [uid, id, accountId] = [token(), token(), token()]
      const grant = await stored('Grant', { accountId })
      const [one, two] = [{ sid: 'one' }, { sid: 'two', grantId: grant }]
      await whole.artifacts.upsert('Session', id, { uid, accountId, authorizations: { one } }, 600)
      await unit(async () => {
        const session = await stores.artifacts.find('Session', id)
        await whole.artifacts.upsert('Session', id, { uid, accountId, authorizations: { one, two } }, 600)
        const left = { ...session, authorizations: {} }
        await stores.artifacts.upsert('Session', id, left, 600, { replaceAuthorizations: true })
      })
      expect((await whole.artifacts.find('Session', id))?.authorizations).to.deep.equal({ two })
      await whole.artifacts.endSession(uid)
      expect(await found('Grant', grant), 'ends with its session').to.equal(false)
    })

    it('does not write a session of which nothing changed, but checks that it was not ended', async () => {
      const [uid, id, accountId] = [token(), token(), token()]
      await whole.artifacts.upsert('Session', id, { uid, accountId }, 600)
      const silent = (between?: () => Promise<void>) =>
        unit(async () => {
          const session = await stores.artifacts.find('Session', id)
          await stores.artifacts.upsert('AuthorizationCode', token(), {}, 60)
          await between?.()
          await stores.artifacts.upsert('Session', id, { ...session }, 600)
        })
      await silent()
      expect(commits[0]?.text).to.not.contain('put_oidc_sessions')
      const error = await failure(silent(() => whole.artifacts.endSession(uid)))
      expect((error as UnitLost).model).to.equal('Session')
    })

    it('leads a rotated session id to the new one for 15 seconds, and revives nothing under the old', async () => {
      const [uid, old, current, accountId] = [token(), token(), token(), token()]
      await whole.artifacts.upsert('Session', old, { uid, accountId, n: 1 }, 600)
      await unit(async () => {
        await stores.artifacts.find('Session', old)
        await stores.artifacts.rotateSession(old, current)
        await stores.artifacts.upsert('Session', current, { uid, accountId, n: 2 }, 600)
      })
      expect(await whole.artifacts.find('Session', old)).to.include({ jti: current, n: 2 })
      // a request that had read the old one before
      await whole.artifacts.upsert('Session', old, { uid, accountId, n: 3 }, 600)
      expect(await whole.artifacts.find('Session', old)).to.include({ jti: current, n: 2 })
      const { rows } = await whole.connection.knex.raw(
        `select extract(epoch from expires_at - now())::float8 as seconds from oidc_sessions where successor is not null`,
      )
      expect(rows[0].seconds).to.be.within(1, 15)
      expect(await whole.artifacts.findByUid(uid)).to.include({ n: 2 })
      await whole.artifacts.endSession(uid)
      expect(await whole.artifacts.find('Session', old)).to.equal(undefined)
    })

    it('names the successor of a refresh token to who presents the old one, for a while', async () => {
      const [old, next] = [await stored('RefreshToken'), token()]
      await unit(async () => {
        expect(await stores.artifacts.consumeFor('RefreshToken', old, next)).to.equal(true)
        await stores.artifacts.upsert('RefreshToken', next, {}, 60)
      })
      expect(await whole.artifacts.successorOf('RefreshToken', old, 10)).to.equal(next)
      expect(await whole.artifacts.successorOf('RefreshToken', old, 0)).to.equal(undefined)
      expect(await whole.artifacts.successorOf('RefreshToken', next, 10)).to.equal(undefined)
    })

    it('does not take its own jti for a replay when what is left of it is committed once more', async () => {
      const [used, issued] = [await stored('RefreshToken'), token()]
      const jti = token()
      await stores.units.run(
        async () => {
          await stores.artifacts.claim('ReplayDetection', jti, 60)
          await stores.artifacts.consumeFor('RefreshToken', used, token())
          await stores.artifacts.upsert('AccessToken', issued, {}, 60)
          await whole.artifacts.consumeFor('RefreshToken', used, token())
        },
        {
          onLost: async () => {
            stores.artifacts.withdraw('RefreshToken', used)
            return true
          },
        },
      )
      expect(await found('AccessToken', issued)).to.equal(true)
      expect(await whole.artifacts.claim('ReplayDetection', jti, 60), 'seen').to.equal(false)
    })

    it('leaves out what hangs on a grant that goes, and what was taken back', async () => {
      const grantId = await stored('Grant')
      const access = await stored('AccessToken', { grantId })
      const other = token()
      await unit(async () => {
        await stores.artifacts.revokeByGrantId('AccessToken', grantId)
        await stores.artifacts.destroy('Grant', grantId)
        await stores.artifacts.upsert('Grant', other, {}, 60)
        stores.artifacts.withdraw('Grant', other)
      })
      expect(commits[0]?.text).to.not.contain('revoked_')
      expect([await found('AccessToken', access), await found('Grant', other)]).to.deep.equal([false, false])
    })

    it('is closed when its request is over: what still runs writes for itself', async () => {
      const id = token()
      let late: Promise<void> | undefined
      await unit(async () => {
        late = new Promise((resolve) => setTimeout(resolve, 20)).then(() =>
          stores.artifacts.upsert('Grant', id, {}, 60),
        )
      })
      await late
      expect(await found('Grant', id)).to.equal(true)
    })
  })
}
