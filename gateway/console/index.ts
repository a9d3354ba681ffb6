// The door of console/: pages for people.
export { consoleRoutes, type ConsoleOptions } from './routes.ts'
