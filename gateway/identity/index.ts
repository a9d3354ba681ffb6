// The door of identity/: who is calling.
export { callerOf, mayAsk, requesterOf } from './enforcement-point.ts'
export { createMachines, machineIssuer, type Machines } from './machines.ts'
export { createIdentity, maxTokenChars, type Identity, type IdentityOptions, type ProviderHealth, type Trust } from './verifier.ts'
export { challenge, metadataUrl, resourceMetadata, type ResourceMetadata } from './metadata.ts'
export { createSignIn, signInClientId, type SignIn, type SignInStart } from './sign-in.ts'
