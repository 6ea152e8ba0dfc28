/** Clients that no operator vouches for: they registered themselves, or are what a document somewhere says. */

/** As the adapter marks them (`client-adapter.ts`). */
export function isStranger(client: object): boolean {
  const { self_registered: registered, metadata_document: found } = client as Record<string, unknown>
  return registered === true || found === true
}
