// The door of the projection.
export { DecisionIds } from './decision-ids.ts'
export { createProjector } from './project.ts'
export type { ProjectionContext } from './context.ts'
export type { Projector } from './project.ts'
