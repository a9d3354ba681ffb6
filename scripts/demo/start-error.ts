// Something on this machine keeps the demo from running; the message is for the person at the terminal.
export class StartError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StartError'
  }
}
