/**
 * What a registration is worth before its mail is answered: nothing, to anybody. The services on a real store, with a
 * hasher that costs nothing.
 */
import { expect } from 'chai'
import { secureRandom } from '../../src/crypto/random.ts'
import { codeOf, linkToken } from '../../src/domain/email/secrets.ts'
import { EmailVerification, MAX_CODE_ATTEMPTS } from '../../src/domain/email/verification.ts'
import type { DomainError, InvalidInput } from '../../src/domain/errors.ts'
import { PasswordReset } from '../../src/domain/passwords/reset.ts'
import type { PasswordHasher } from '../../src/domain/ports.ts'
import { DEFAULT_LIMITS, Throttle } from '../../src/domain/protection/throttle.ts'
import { Registration } from '../../src/domain/registration/service.ts'
import { Setup } from '../../src/domain/setup/service.ts'
import { SignIn } from '../../src/domain/sign-in/service.ts'
import { MemoryEphemeral } from '../../src/storage/memory/ephemeral.ts'
import { type SqlInstance, selected, sqlBackends } from '../support/backends.ts'
import { failure } from '../support/failure.ts'
import { token } from '../support/samples.ts'

const FACTS = { id: 'request-1', ip: '192.0.2.1', userAgent: undefined }
const MALLORYS = 'mallory chose this password'
const JANES = 'a calm keeper of the door'

const hasher: PasswordHasher = {
  hash: async (password) => `plain:${token()}:${password}`,
  verify: async (phc, password) => phc !== undefined && phc.split(':').slice(2).join(':') === password,
  needsRehash: () => false,
}

for (const { name, fresh } of selected(sqlBackends).filter(
  ({ name: backend }) => backend !== 'pglite (disk)',
)) {
  describe(`proofs of an address (${name})`, function () {
    this.timeout(60_000)
    let instance: SqlInstance & { dispose(): Promise<void> }
    let registration: Registration
    let verification: EmailVerification
    let reset: PasswordReset
    let signIn: SignIn
    let setup: Setup
    let address: string

    before(async () => {
      instance = await fresh()
      const { database, atRest: keyed } = instance
      const many = Object.fromEntries(Object.keys(DEFAULT_LIMITS).map((limit) => [limit, 10_000]))
      const throttle = new Throttle(new MemoryEphemeral(), many as unknown as typeof DEFAULT_LIMITS)
      const policy = { minLength: 15, isCommon: () => false, contextWords: [] }
      const clock = { now: () => new Date() }
      const random = secureRandom
      registration = new Registration({ database, hasher, throttle, random, policy })
      verification = new EmailVerification({ database, hasher, throttle, random, keyed })
      reset = new PasswordReset({ database, hasher, throttle, random, keyed, clock, policy })
      signIn = new SignIn({ database, hasher, throttle, keyed, counted: () => {} })
      setup = new Setup({ database, hasher, random, keyed, policy })
    })
    after(() => instance.dispose())
    beforeEach(() => {
      address = `${token('jane-')}@example.org`
    })

    const register = async (
      email: string,
      password: string,
      more: { username?: string; flow?: string } = {},
    ) => {
      const { proofId } = await registration.register(
        { email, password, username: more.username ?? '', name: '' },
        { flow: more.flow ?? token('flow-'), interactionUid: undefined, facts: FACTS },
      )
      return proofId
    }
    const codeFor = (proofId: string) => codeOf(instance.atRest, proofId)
    const linkFor = (proofId: string) => linkToken(instance.atRest, proofId)
    const attempt = (identifier: string, password: string) =>
      signIn.authenticate({
        identifier,
        password,
        deviceFor: () => undefined,
        facts: FACTS,
        clientId: undefined,
      })
    const code = async (promise: Promise<unknown>) => ((await failure(promise)) as DomainError).code
    const find = (email: string) => instance.database.users.findByEmail(email)

    it('a registration makes no account until its mail is answered, then a proven one, once', async () => {
      const proofId = await register(address, JANES)
      expect(await find(address)).to.equal(undefined)
      const userId = await verification.redeemCode(proofId, codeFor(proofId), FACTS)
      expect(await find(address)).to.include({ id: userId, emailVerified: true, status: 'active' })
      expect((await attempt(address, JANES)).user?.id).to.equal(userId)
      expect(await code(verification.redeemCode(proofId, codeFor(proofId), FACTS))).to.equal('proof_expired')
      expect(await code(verification.redeemLink(linkFor(proofId), FACTS))).to.equal('proof_used')
    })

    it('a password typed for somebody else’s address is worth nothing once the owner confirms their own', async () => {
      const mallorys = await register(address, MALLORYS)
      // Mallory even goes on to the page that asks for the code.
      const early = await attempt(address, MALLORYS)
      expect(early.user).to.equal(undefined)
      expect(early.registration?.id).to.equal(mallorys)
      const janes = await register(address, JANES)
      const userId = await verification.redeemLink(linkFor(janes), FACTS)
      expect(userId.id).to.equal(janes)

      const owner = await attempt(address, JANES)
      expect(owner.user?.email).to.equal(address)
      const late = await attempt(address, MALLORYS).catch((error: DomainError) => error)
      if (!(late instanceof Error)) expect(late.user, 'no account for Mallory').to.equal(undefined)
      // The sign-in that waited is bound to a password that never became the account's.
      const draft = (await instance.database.emailProofs.find(mallorys))?.registration
      const credential = await signIn.currentCredential(String(owner.user?.id))
      expect(credential).to.not.equal(signIn.credentialOf(String(draft?.passwordHash)))
      // Nobody ever reads Mallory's code; even so it opens nothing.
      expect(await code(verification.redeemCode(mallorys, codeFor(mallorys), FACTS))).to.equal(
        'proof_invalid',
      )
      expect((await find(address))?.id).to.equal(owner.user?.id)
      expect((await attempt(address, JANES)).user?.id).to.equal(owner.user?.id)
      expect(await instance.database.users.find(String(draft?.userId)), 'nor an account').to.equal(undefined)
    })

    it('the other way round: who registers an address that has an account changes nothing about it', async () => {
      const proofId = await register(address, JANES)
      await verification.redeemCode(proofId, codeFor(proofId), FACTS)
      const before = await find(address)
      const credential = await signIn.currentCredential(String(before?.id))
      const mallorys = await register(address.toUpperCase(), MALLORYS, { username: 'mallory' })
      expect(await code(verification.redeemCode(mallorys, codeFor(mallorys), FACTS))).to.equal(
        'proof_invalid',
      )
      expect(await code(verification.redeemLink(linkFor(mallorys), FACTS))).to.match(/^proof_(invalid|used)$/)
      expect(await find(address)).to.deep.equal(before)
      expect(await signIn.currentCredential(String(before?.id))).to.equal(credential)
    })

    it('of two registrations confirmed at once one makes the account', async () => {
      const proofIds = [await register(address, JANES), await register(address, MALLORYS)]
      const outcomes = await Promise.allSettled(
        proofIds.map((proofId) => verification.redeemCode(proofId, codeFor(proofId), FACTS)),
      )
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1)
      const won = outcomes.findIndex(({ status }) => status === 'fulfilled')
      const password = [JANES, MALLORYS][won] ?? ''
      expect((await attempt(address, password)).user?.email).to.equal(address)
    })

    it('a mail sent again makes the code and link before it worthless', async () => {
      const flow = token('flow-')
      const first = await register(address, JANES, { flow })
      const { proofId: second } = await verification.resend(first, FACTS)
      expect(second).to.not.equal(first)
      expect(await code(verification.redeemCode(first, codeFor(first), FACTS))).to.equal('proof_expired')
      expect(await code(verification.redeemLink(linkFor(first), FACTS))).to.match(/^proof_/)
      await verification.redeemLink(linkFor(second), FACTS)
      expect((await attempt(address, JANES)).user?.email).to.equal(address)
    })

    it(`a code has ${MAX_CODE_ATTEMPTS} tries, right or wrong, and a new mail new ones`, async () => {
      const proofId = await register(address, JANES)
      const wrong = codeFor(proofId) === '000000' ? '000001' : '000000'
      for (let tries = 0; tries < MAX_CODE_ATTEMPTS; tries += 1)
        expect(await code(verification.redeemCode(proofId, wrong, FACTS))).to.equal('proof_invalid')
      expect(await code(verification.redeemCode(proofId, codeFor(proofId), FACTS))).to.equal('proof_expired')
      const { proofId: next } = await verification.resend(proofId, FACTS)
      await verification.redeemCode(next, codeFor(next), FACTS)
      expect(await find(address)).to.not.equal(undefined)
    })

    it('the link stays good when the code’s tries are used up: it cannot be guessed', async () => {
      const proofId = await register(address, JANES)
      for (let tries = 0; tries < 10; tries += 1)
        await failure(verification.redeemCode(proofId, '000000', FACTS)).catch(() => {})
      await verification.redeemLink(linkFor(proofId), FACTS)
      expect(await find(address)).to.not.equal(undefined)
    })

    it('kinds do not mix: a reset link proves no address, a registration link resets no password', async () => {
      const proofId = await register(address, JANES)
      expect(await code(reset.inspect(linkFor(proofId)))).to.equal('proof_invalid')
      expect(await code(reset.reset(linkFor(proofId), MALLORYS, FACTS))).to.equal('proof_invalid')
      await verification.redeemLink(linkFor(proofId), FACTS)
      await reset.request(address, { interactionUid: undefined, facts: FACTS })
      const resetId = await newestReset(address)
      expect(await code(verification.inspectLink(linkFor(resetId)))).to.equal('proof_invalid')
      expect(await code(verification.redeemCode(resetId, codeFor(resetId), FACTS))).to.equal('proof_invalid')
    })

    it('a reset ends what was open, and only the newest link works, once', async () => {
      const proofId = await register(address, JANES)
      await verification.redeemLink(linkFor(proofId), FACTS)
      await reset.request(address, { interactionUid: undefined, facts: FACTS })
      const older = await newestReset(address)
      await reset.request(` ${address.toUpperCase()} `, { interactionUid: undefined, facts: FACTS })
      const newer = await newestReset(address)
      const before = await signIn.currentCredential(String((await find(address))?.id))
      expect(await code(reset.reset(linkFor(older), 'a new calm keeper came', FACTS))).to.match(/^proof_/)
      expect(
        ((await failure(reset.reset(linkFor(newer), 'short', FACTS))) as InvalidInput).fields,
      ).to.have.property('password')
      await reset.reset(linkFor(newer), 'a new calm keeper came', FACTS)
      expect(await code(reset.reset(linkFor(newer), 'and another one after', FACTS))).to.equal('proof_used')
      expect(await code(attempt(address, JANES))).to.equal('invalid_credentials')
      const { user } = await attempt(address, 'a new calm keeper came')
      expect(user?.email).to.equal(address)
      expect(await signIn.currentCredential(String(user?.id)), 'a pending sign-in is void').to.not.equal(
        before,
      )
    })

    it('a reset for an address nobody has writes the same and opens nothing', async () => {
      await reset.request(address, { interactionUid: undefined, facts: FACTS })
      const proofId = await newestReset(address)
      expect(await code(reset.reset(linkFor(proofId), JANES, FACTS))).to.equal('proof_expired')
      expect(await find(address)).to.equal(undefined)
    })

    it('an unknown name, a wrong password and a disabled account are refused with one code', async () => {
      const proofId = await register(address, JANES)
      await verification.redeemLink(linkFor(proofId), FACTS)
      expect(await code(attempt(address, MALLORYS))).to.equal('invalid_credentials')
      expect(await code(attempt(`x${address}`, JANES))).to.equal('invalid_credentials')
      expect(await code(attempt(address, ''))).to.equal('invalid_credentials')
      expect(await code(attempt(address, 'x'.repeat(10_000)))).to.equal('invalid_credentials')
      expect(await code(attempt('', JANES))).to.equal('invalid_credentials')
      await instance.connection.knex('users').where({ email: address }).update({ status: 'disabled' })
      expect(await code(attempt(address, JANES))).to.equal('invalid_credentials')
    })

    it('a password is the same however it was composed, and no other', async () => {
      const password = 'Zoë guards the façade'
      const proofId = await register(address, password.normalize('NFD'))
      await verification.redeemLink(linkFor(proofId), FACTS)
      expect((await attempt(address, password.normalize('NFC'))).user?.email).to.equal(address)
      for (const other of [` ${password}`, `${password} `, password.toLowerCase(), password.slice(0, -1)])
        expect(await code(attempt(address, other)), other).to.equal('invalid_credentials')
    })

    it('the first administrator’s link is good once, and the newest only', async () => {
      const first = String(await setup.issueToken())
      const second = String(await setup.issueToken())
      expect(await setup.isValid(first)).to.equal(false)
      const owner = { email: address, name: 'Jane', password: JANES }
      for (const bad of [first, '', 'x', `${second}x`, second.toUpperCase()])
        expect(await code(setup.complete(bad, owner, FACTS)), bad).to.equal('proof_used')
      expect(
        ((await failure(setup.complete(second, { ...owner, password: 'short' }, FACTS))) as InvalidInput)
          .fields,
      ).to.have.property('password')
      const outcomes = await Promise.allSettled(
        Array.from({ length: 5 }, (_, index) =>
          setup.complete(second, { ...owner, email: `${index}${address}` }, FACTS),
        ),
      )
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).to.have.length(1)
      expect(await setup.isValid(second)).to.equal(false)
      expect(await setup.issueToken(), 'there is an owner now').to.equal(undefined)
    })

    async function newestReset(email: string): Promise<string> {
      const row = await instance.connection
        .knex('email_proofs')
        .whereRaw('lower(email) = lower(?)', [email])
        .where({ purpose: 'reset-password' })
        .orderBy('created_at', 'desc')
        .first('id')
      return row.id
    }
  })
}
