import { onEveryStack, get, post, signIn } from '../support/protocol.ts'
import { webClient, publicClient, discover } from '../support/relying-party.ts'
onEveryStack('scratch', { overrides: { clients: [webClient(), publicClient()] } }, (app) => {
  it('dumps', async () => {
    const d = await get(`${app.issuer}/.well-known/openid-configuration`)
    console.log(JSON.stringify(d.json, null, 1), d.headers)
    const k = await get(`${app.issuer}/jwks`)
    console.log(k.text, k.headers)
    const rp = await discover(app.issuer)
    const s = await signIn(rp, { scope: 'openid email', prompt: 'consent' })
    console.log(s.tokens, s.tokens.claims())
    const r = await post(`${app.issuer}/revoke`, { token: s.tokens.access_token }, { basic: ['web', 'a-secret-of-the-test-relying-party-0123456789'] })
    console.log(r)
    console.log((await app.sql.dump()).map(x => x.slice(0, 150)).join('\n'))
  })
})
