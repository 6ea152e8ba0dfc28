// The provider's answer to a silent sign-in comes back here, inside the hidden frame. All there is to do is to
// hand this page's address, with the code or the error in it, to the app that put up the frame.
import { identitySettings, loadConfiguration } from './spa-settings.js'

const { UserManager } = globalThis.oidc

await new UserManager(identitySettings(await loadConfiguration())).signinSilentCallback()
