/**
 * Rich authorization requests (RFC 9396): a detail is checked against its type, shown to the person, and kept with the
 * code, the refresh token and those access tokens that are for an API it concerns. Details go with consent or not at
 * all; first-party clients are asked too. What the person allowed is read from the server's own record of the consent.
 */
import { type Configuration, errors, interactionPolicy, type KoaContextWithOIDC } from 'oidc-provider'
import { z } from 'zod'
import { isSame } from '../domain/authorization/json.ts'
import { beyondLimits, TEXT_MAX } from '../domain/authorization/limits.ts'
import { wholeSchema } from '../domain/authorization/schema.ts'
import type {
  AuthorizationDetail,
  AuthorizationType,
  AuthorizationTypes,
} from '../domain/authorization/type.ts'
import { isStranger } from './strangers.ts'

type Features = NonNullable<Configuration['features']>
type Resources = NonNullable<Features['resourceIndicators']>

const { InvalidAuthorizationDetails } = errors

/** The details that a request asks for. Call it where the engine has checked them: it must parse. */
export function askedDetails(params: Record<string, unknown>): AuthorizationDetail[] {
  const { authorization_details: text } = params
  return typeof text === 'string' ? (JSON.parse(text) as AuthorizationDetail[]) : []
}

/** The engine's feature; switched on where there are types, so that discovery names the parameter only then. */
export function richAuthorizationRequests(types: AuthorizationTypes): object {
  return {
    enabled: types.all.length > 0,
    types: Object.fromEntries(types.all.map((type) => [type.name, { validate: validator(type) }])),
    authorizationDetailsForGrantSource(ctx: KoaContextWithOIDC) {
      const asked = askedDetails(ctx.oidc.params ?? {})
      if (notAllowedYet(ctx, types).length > 0)
        throw new errors.AccessDenied('the authorization details were not allowed')
      return asked
    },
    authorizationDetailsForAccessToken(
      ctx: KoaContextWithOIDC,
      token: { resourceServer?: { identifier(): string } },
      source: { rar?: AuthorizationDetail[] } | undefined,
    ) {
      const granted = source?.rar ?? []
      const asked = askedDetails(ctx.oidc.params ?? {})
      if (!asked.every((detail) => granted.some((one) => isSame(one, detail))))
        throw new InvalidAuthorizationDetails(
          'authorization_details must be among those that a person allowed',
        )
      const resource = token.resourceServer?.identifier()
      const concerns = (detail: AuthorizationDetail) =>
        types.find(detail.type) !== undefined &&
        resource !== undefined &&
        (types.audience(detail)?.includes(resource) ?? true)
      if (!asked.every(concerns))
        throw new InvalidAuthorizationDetails('authorization_details must be for the resource of the token')
      return (asked.length > 0 ? asked : granted).filter(concerns)
    },
    // An access token has only what concerns its API; a refresh token is shown to its own client.
    authorizationDetailsForIntrospection: (
      _ctx: KoaContextWithOIDC,
      token: { rar?: AuthorizationDetail[] },
    ) => token.rar,
  }
}

/**
 * Details are always for an API. A request that names none (RFC 9396 lets it) is for those its details are for, and the
 * code of such a request is exchanged for a token of that API.
 */
export function detailResources(
  types: AuthorizationTypes,
): Pick<Resources, 'defaultResource' | 'useGrantedResource'> {
  return {
    async defaultResource(ctx, _client, oneOf) {
      if (oneOf) return oneOf
      const named = new Set(
        askedDetails(ctx.oidc.params ?? {}).flatMap((detail) => types.audience(detail) ?? []),
      )
      // The engine takes none for none.
      return named.size > 1 ? [...named] : ([...named][0] as string)
    },
    useGrantedResource: async (_ctx, source) => (source as { rar?: unknown }).rar !== undefined,
  }
}

/** Stops for consent while the person has not allowed the details of this very request. */
export function detailsCheck(types: AuthorizationTypes): interactionPolicy.Check {
  const { Check } = interactionPolicy
  return new Check(
    'authorization_details',
    'authorization_details need the consent of the person',
    'consent_required',
    (ctx) => (notAllowedYet(ctx, types).length > 0 ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT),
  )
}

/** Refuses types that a client which registers itself may not have. `ctx` is there during registration only. */
export function checkDetailsTypes(
  types: AuthorizationTypes,
  ctx: KoaContextWithOIDC | undefined,
  metadata: Record<string, unknown>,
): void {
  const listed = metadata.authorization_details_types
  if (ctx === undefined || !Array.isArray(listed)) return
  for (const name of listed)
    if (types.find(String(name))?.selfRegistered !== true)
      throw new errors.InvalidClientMetadata(
        'authorization_details_types may hold only types that are open to clients which register themselves',
      )
}

function notAllowedYet(ctx: KoaContextWithOIDC, types: AuthorizationTypes): AuthorizationDetail[] {
  const said = ctx.oidc.result?.consent?.authorizationDetails as AuthorizationDetail[] | undefined
  const remembered = (ctx.oidc.grant?.rar ?? []) as AuthorizationDetail[]
  return askedDetails(ctx.oidc.params ?? {}).filter((detail) => {
    const before = types.find(detail.type)?.ask === 'session' ? remembered : []
    return ![...(said ?? []), ...before].some((one) => isSame(one, detail))
  })
}

/** The limits hold for all details of a request at once, and are looked at before the first one is. */
function validator(type: AuthorizationType) {
  const schema = z.fromJSONSchema(wholeSchema(type) as never)
  return async (ctx: KoaContextWithOIDC, detail: unknown, client: object): Promise<void> => {
    const text = String(ctx.oidc.params?.authorization_details)
    const wrong = text.length > TEXT_MAX ? 'is too long' : beyondLimits(JSON.parse(text))
    if (wrong) throw new InvalidAuthorizationDetails(`authorization_details ${wrong}`)
    if (isStranger(client) && !type.selfRegistered)
      throw new InvalidAuthorizationDetails('clients that registered themselves may not ask for this type')
    const { success, error } = schema.safeParse(detail)
    if (success) return
    const [issue] = error.issues
    const where = (issue?.path ?? []).join('.')
    throw new InvalidAuthorizationDetails(
      issue?.code === 'unrecognized_keys'
        ? `${where === '' ? 'a detail' : where} has a field that its type does not know`
        : `${where === '' ? 'a detail' : where} is not as its type describes it`,
    )
  }
}
