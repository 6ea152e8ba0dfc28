/** All checks, grouped as the plans of the field are. */
import { basicClients } from './basic-clients.ts'
import { basicCodes } from './basic-codes.ts'
import { basicIdTokens } from './basic-id-tokens.ts'
import { basicPrompts } from './basic-prompts.ts'
import { basicResponses } from './basic-responses.ts'
import { basicUserinfo } from './basic-userinfo.ts'
import { config } from './config.ts'

export const GROUPS = {
  config,
  basic: [
    ...basicResponses,
    ...basicCodes,
    ...basicIdTokens,
    ...basicUserinfo,
    ...basicPrompts,
    ...basicClients,
  ],
}
