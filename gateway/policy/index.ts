// The door of policy/: which policy is in force, and what it says of a call.
export { createActivation, type Activation, type ActivationEvent, type ActivationOptions, type ActivePolicy } from './activation.ts'
export { createBundleStore, type BundleStore } from './bundle-store.ts'
export { decide } from './decide.ts'
export { readInForce, type InForce } from './in-force.ts'
export { createPolicyMemory, type PolicyMemory } from './memory.ts'
export { createPolicyRepository, type PolicyRepository } from './repository.ts'
export { createRates, type Rates } from './rate.ts'
