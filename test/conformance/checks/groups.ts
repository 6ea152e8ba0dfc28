/** All checks, grouped as the plans of the field are. */
import { backchannelLogout } from './backchannel-logout.ts'
import { basicClients } from './basic-clients.ts'
import { basicCodes } from './basic-codes.ts'
import { basicIdTokens } from './basic-id-tokens.ts'
import { basicPairwise } from './basic-pairwise.ts'
import { basicPrompts } from './basic-prompts.ts'
import { basicResponses } from './basic-responses.ts'
import { basicUserinfo } from './basic-userinfo.ts'
import { config } from './config.ts'
import { dynamic } from './dynamic.ts'
import { fapi2Requests } from './fapi2-requests.ts'
import { fapi2Tokens } from './fapi2-tokens.ts'
import { formPost } from './form-post.ts'
import { frontchannelLogout } from './frontchannel-logout.ts'
import { messageSigning } from './message-signing.ts'
import { rfc8725 } from './rfc8725.ts'
import { rfc9700 } from './rfc9700.ts'
import { rpLogout } from './rp-logout.ts'
import { thirdPartyLogin } from './third-party-login.ts'

export const GROUPS = {
  config,
  basic: [
    ...basicResponses,
    ...basicCodes,
    ...basicIdTokens,
    ...basicUserinfo,
    ...basicPrompts,
    ...basicClients,
    ...basicPairwise,
  ],
  formPost,
  dynamic,
  rpLogout,
  backchannelLogout,
  frontchannelLogout,
  thirdPartyLogin,
  fapi2: [...fapi2Requests, ...fapi2Tokens],
  messageSigning,
  rfc9700,
  rfc8725,
}
