/** Which clients may know people by one name (OpenID Connect Core 1.0, 8.1), beyond what the engine asks. */

/**
 * Why a pairwise client's redirect URIs make no sector; undefined where they do. Loopback and a scheme of one's own
 * name no host that would be the app's alone.
 */
export function sectorProblem(metadata: Readonly<Record<string, unknown>>): string | undefined {
  const { subject_type: type, sector_identifier_uri: uri, application_type: application } = metadata
  if (type !== 'pairwise' || uri !== undefined || application !== 'native') return undefined
  return 'sector_identifier_uri is needed by native pairwise clients: their redirect URIs name no host of their own (OpenID Connect Core 1.0, 8.1)'
}
