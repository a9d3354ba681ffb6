// The door of console/: pages for people.
export { consolePages, type ConsoleOptions } from './routes.ts'
